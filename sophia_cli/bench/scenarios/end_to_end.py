"""`end-to-end`: recall and remember through the service, alone and with several clients."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import latency, overhead, ratio
from sophia_cli.bench.load import LoadMeasurement
from sophia_cli.bench.measure import Measurement
from sophia_cli.bench.pace import DISK
from sophia_cli.bench.results import Limit
from sophia_cli.bench.texts import questions
from sophia_cli.memory.model import Draft
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.trace import Trace

_TARGET = Limit(200, "p95")
_NEW = "recall, a new question"
_AGAIN = "recall, asked before"


def run(context: Context) -> Iterator[Measurement | LoadMeasurement]:
    """A new question, one asked before and a new memory; the first and last beside embedding."""
    new, again = questions(400, seed=4), questions(20, seed=5)
    service, candidates = context.service, context.config.recall.candidates
    now = datetime.now(UTC)

    def text(purpose: str, number: int) -> str:
        return f"{new[number % len(new)]} ({purpose} {number})"

    def embed(text: str) -> None:
        service.embedder.embed([text])

    def ask(text: str) -> None:
        service.recall(Question(text), candidates, datetime.now(UTC), Trace())

    def ask_all() -> None:
        for question in again:
            ask(question)

    yield Measurement(
        lambda n: embed(text("embedded", n)),
        lambda n: ask(text("asked", n)),
        figures=lambda embedding, recall, pace: [
            latency(_NEW, recall, pace, target=_TARGET),
            ratio("recall beside its embedding", recall, embedding, pace),
            overhead(
                "recall over 1.5 x its embedding",
                recall,
                embedding,
                pace,
                times=1.5,
                bound=Limit(4),
            ),
        ],
    )
    yield Measurement(
        lambda n: ask(again[n % len(again)]),
        before=ask_all,
        figures=lambda spent, pace: [
            latency(_AGAIN, spent, pace, target=_TARGET, bound=Limit(0.3, "p99"))
        ],
    )
    yield Measurement(
        lambda n: embed(text("noted", n)),
        lambda n: service.remember([Draft(text("stored", n))], now, Trace()),
        paced_by=(DISK,),
        figures=lambda embedding, stored, pace: [
            latency("remember", stored, pace, target=_TARGET),
            ratio("remember beside its embedding", stored, embedding, pace),
            overhead("remember over its embedding", stored, embedding, pace, bound=Limit(5)),
        ],
    )
    yield LoadMeasurement(_NEW, lambda n: ask(text("load", n)))
    yield LoadMeasurement(_AGAIN, lambda n: ask(again[n % len(again)]), before=ask_all)
