"""`scale`: how recall grows with the store, what it is while memories are ingested, and memory."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime

import numpy as np

from sophia_cli.background import begun
from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import latency, ratio
from sophia_cli.bench.machine import memory_of_this_process
from sophia_cli.bench.measure import Measurement
from sophia_cli.bench.results import Figure, Limit, PaceOf
from sophia_cli.bench.statistics import Estimate, Samples, bootstrapped, percentile
from sophia_cli.bench.store import MadeUp, fill, fresh_service
from sophia_cli.bench.texts import questions, turns
from sophia_cli.heap import return_freed_memory
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace

UP_TO = 100_000
"""Memories that the bounds are meant for."""

_NOTE = "what is stored has vectors near those of embedded turns; what is asked is embedded"
_TENTH = 10
_BATCH = 64
_GROWN, _DISTURBED, _MEMORY = Limit(1.3), Limit(5.0), Limit(1000.0)
# Enough calls for a 99th percentile of them; those that ingest slows take longer.
_LONG, _LONGER = 8.0, 24.0


class _Ingest:
    """Stores made-up turns beside others, from `start` to `stop`; which raises what went wrong."""

    def __init__(self, service: MemoryService, seed: int) -> None:
        self._service = service
        self._drafts = turns(10_000_000, seed=seed)
        self._ended = threading.Event()
        self._work: Future[None] | None = None
        self.stored = 0

    def start(self) -> None:
        """Begins, or goes on."""
        self._ended.clear()
        self._work = begun(self._store, "ingest")

    def stop(self) -> None:
        """Ends once the batch at hand is stored."""
        self._ended.set()
        if self._work is not None:
            self._work.result()

    def _store(self) -> None:
        while not self._ended.is_set():
            batch = list(itertools.islice(self._drafts, _BATCH))
            self._service.remember(batch, datetime.now(UTC), Trace())
            self.stored += len(batch)


def run(context: Context) -> Iterator[Measurement | Figure]:
    """Recalls beside those of a store of a tenth; then while turns are ingested, beside without."""
    large, memories = context.service, context.memories
    made_up = MadeUp()
    small = context.until_the_end(fresh_service(context.config, made_up))
    tenth = max(1, memories // _TENTH)
    with made_up.filling(), context.progress("filling a tenth of it", tenth) as advance:
        fill(small, tenth, advance)
    bounded = memories <= UP_TO
    texts = questions(200, seed=17)

    def ask(service: MemoryService, purpose: str, number: int) -> None:
        text = f"{texts[number % len(texts)]} ({purpose} {number})"
        candidates = context.config.recall.candidates
        service.recall(Question(text), candidates, datetime.now(UTC), Trace())

    large.vectors.flush()
    return_freed_memory()
    yield _memory(bounded)
    yield Measurement(
        lambda n: ask(large, "all", n),
        lambda n: ask(small, "tenth", n),
        figures=lambda many, few, pace: [
            latency("recall of a new question", many, pace, note=_NOTE),
            ratio(
                "recall of a new question, to that in a tenth of the memories",
                many,
                few,
                pace,
                bound=_GROWN if bounded else None,
            ),
        ],
    )
    idle: list[Samples] = []  # of the first of the next two, whose figures come first
    ingest = _Ingest(large, seed=memories + 1)

    def alone(spent: Samples, pace: PaceOf) -> list[Figure]:
        idle.append(spent)
        return [latency("recall, nothing else at work", spent, pace)]

    def beside(spent: Samples, pace: PaceOf) -> list[Figure]:
        note = f"{ingest.stored:,} memories meanwhile"
        figures = [latency("recall while memories are ingested", spent, pace, note=note)]
        return [*figures, *tails(spent, idle[0], pace)]

    yield Measurement(lambda n: ask(large, "alone", n), figures=alone, part=_LONG)
    yield Measurement(
        lambda n: ask(large, "beside", n),
        figures=beside,
        before=ingest.start,
        after=ingest.stop,
        part=_LONGER,
    )


def _memory(bounded: bool) -> Figure:
    held = memory_of_this_process()
    return Figure(
        "memory of this process, mapped files included",
        "MB",
        "lower",
        Estimate(held, held, held),
        bound=_MEMORY if bounded else None,
        decides=False,
        note="both stores, the model, and what measures",
    )


def tails(busy: Samples, idle: Samples, pace: PaceOf) -> Iterator[Figure]:
    """How many times as long the slowest take; nothing where the calls were too few to tell."""
    if percentile(busy, 0.99) is None or percentile(idle, 0.99) is None:
        return
    # Not in turns: what they have in common is the store and the questions.
    count = min(len(busy), len(idle))
    series = [np.random.default_rng(0).permutation(each)[:count] for each in (busy, idle)]
    spread = bootstrapped(_ratio_of_tails, series)
    yield Figure(
        "recall while memories are ingested, to without, 99th percentiles",
        "x",
        "lower",
        Estimate(_ratio_of_tails(busy, idle), spread.low, spread.high),
        samples=len(busy),
        pace=pace,
        bound=_DISTURBED,
        decides=False,
    )


def _ratio_of_tails(over: Samples, under: Samples) -> float:
    return float(np.percentile(over, 99) / np.percentile(under, 99))
