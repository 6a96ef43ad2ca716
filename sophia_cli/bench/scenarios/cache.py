"""`cache`: the hot cache by itself, and a question that it answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import latency
from sophia_cli.bench.measure import Measurement
from sophia_cli.bench.results import Limit, Skipped
from sophia_cli.bench.texts import questions
from sophia_cli.engines.valkey import Valkey
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.trace import Trace
from sophia_cli.tiers.hot_cache import RedisHotCache

_TARGET = Limit(10, "p95")
_BOUND = Limit(1, "p99")
_ANSWER = b"x" * 6_000  # an answer of ten memories, as JSON
_KEYS = 100
_HOUR = 3600.0


def run(context: Context) -> Iterator[Measurement | Skipped]:
    """An answer read and written; a question that was asked before, through the whole service."""
    if not Valkey.available():
        yield Skipped("all of it", "there is no embedded Valkey for this platform")
        return
    valkey = Valkey(context.home)
    cache = context.until_the_end(
        closing(RedisHotCache(lambda: f"unix://{valkey.ensure()}", prefix="sophia-bench:"))
    )
    for key in range(_KEYS):
        cache.put(str(key), _ANSWER, _HOUR)
    yield Measurement(
        lambda n: cache.get(str(n % _KEYS)),
        lambda n: cache.put(str(n % _KEYS), _ANSWER, _HOUR),
        figures=lambda read, written, pace: [
            latency("read an answer", read, pace, target=_TARGET, bound=_BOUND),
            latency("write an answer", written, pace, target=_TARGET, bound=_BOUND),
        ],
    )

    asked = questions(20, seed=3)
    candidates = context.config.recall.candidates

    def ask(number: int) -> None:
        question = Question(asked[number % len(asked)])
        context.service.recall(question, candidates, datetime.now(UTC), Trace())

    def ask_all() -> None:
        for number in range(len(asked)):
            ask(number)

    yield Measurement(
        ask,
        before=ask_all,
        figures=lambda spent, pace: [
            latency("a question asked before", spent, pace, target=_TARGET, bound=_BOUND)
        ],
    )
