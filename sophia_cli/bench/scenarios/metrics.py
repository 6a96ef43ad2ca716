"""`metrics`: what it costs that every recall is measured, and what a scrape costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial

import numpy as np

from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import latency, overhead, ratio
from sophia_cli.bench.measure import Call, Measurement
from sophia_cli.bench.results import Figure, Limit, PaceOf
from sophia_cli.bench.statistics import Samples
from sophia_cli.bench.texts import questions
from sophia_cli.memory.meters import Meters
from sophia_cli.memory.model import Kind
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.trace import Trace
from sophia_cli.monitoring.exposition import exposition

_BOUND = Limit(1.03)
_KEPT = 20


class _Unmeasured(Meters):
    """Notes nothing."""

    def measure(self, operation: str, trace: Trace) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()

    def use(self, what: str, kinds: Iterable[Kind]) -> None:
        pass


def run(context: Context) -> Iterator[Measurement]:
    """Recalls with and without meters, in turns; what is put off; a scrape.

    A new question, and the shortest recall there is: one that was asked before. Spans are off.
    """
    texts = questions(_KEPT, seed=7)
    service, candidates = context.service, context.config.recall.candidates
    measured, unmeasured = service.meters, _Unmeasured()

    def asks(meters: Meters, text: Callable[[int], str]) -> Call:
        def ask(number: int) -> None:
            service.meters = meters
            service.recall(Question(text(number)), candidates, datetime.now(UTC), Trace())
            service.meters = measured

        return ask

    # Whoever comes first is slower: each is first once and last once.
    order = list(enumerate((measured, unmeasured, unmeasured, measured)))
    yield Measurement(
        *(
            asks(meters, lambda n, place=place: f"{texts[n % _KEPT]} ({place}, {n})")  # type: ignore[misc]
            for place, meters in order
        ),
        figures=partial(_beside, "a new question", _BOUND),
    )
    again = [asks(meters, lambda n: texts[n % _KEPT]) for _, meters in order]
    yield Measurement(
        *again,
        before=lambda: [again[1](number) for number in range(_KEPT)],
        figures=partial(_beside, "a question asked before", None),
    )
    yield Measurement(
        lambda _: _counted(100),
        figures=lambda spent, pace: [latency("100 operations noted and counted", spent, pace)],
        part=0.2,
    )
    yield Measurement(
        lambda _: exposition(service),
        figures=lambda spent, pace: [latency("a scrape of /metrics", spent, pace)],
        part=0.2,
    )


def _beside(
    name: str,
    bound: Limit | None,
    first: Samples,
    second: Samples,
    third: Samples,
    last: Samples,
    pace: PaceOf,
) -> list[Figure]:
    # In turns, since the intervals are made of neighbouring samples.
    over, under = (np.column_stack(pair).ravel() for pair in ((first, last), (second, third)))
    return [
        ratio(f"{name}, measured against not", over, under, pace, bound=bound),
        overhead(f"{name}, measured: what it adds", over, under, pace),
    ]


def _counted(operations: int) -> None:
    meters = Meters()
    for _ in range(operations):
        with meters.measure("recall", trace := Trace(served_by="gpu_cache")):
            trace.tiers.update(records=0.1, gpu_cache=0.02)
            trace.look_up("gpu_cache", "answers", found=True)
    meters.take_in()
