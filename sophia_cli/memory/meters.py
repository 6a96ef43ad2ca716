"""What the process measures of itself: latencies, counts and down times, never quoted figures."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sophia_cli.memory.latencies import Distribution, Latencies
from sophia_cli.memory.measuring import Ended, Measuring, Observer
from sophia_cli.memory.model import KINDS, Kind
from sophia_cli.memory.trace import Trace

_ASKING = frozenset({"recall", "similar"})
# Operations that may wait to be counted.
_MOST = 4096


class Meters:
    """What became of the operations of a service since it was opened. Safe to use from threads.

    An operation pays a few microseconds for it; see `take_in`.

    Args:
        clock: seconds, never going back.

    Attributes:
        observer: None unless spans are made; it raises nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.observer: Observer | None = None
        self.clock = clock
        self._lock = threading.Lock()
        self._latencies: dict[str, Latencies] = {}
        self._ended: deque[Ended] = deque()
        self._used: deque[tuple[str, tuple[Kind, ...]]] = deque()
        self._recalls: dict[str, Latencies] = {}
        self._failures: Counter[tuple[str, str]] = Counter()
        self._look_ups: dict[str, dict[str, Counter[bool]]] = {}
        self._usage: dict[Kind, Counter[str]] = {kind: Counter() for kind in KINDS}
        self._down_since: dict[str, float] = {}
        self._down_for: dict[str, float] = {}

    def measure(self, operation: str, trace: Trace) -> AbstractContextManager[None]:
        """Measures the block as one operation, and what it adds to the trace as its share.

        One that fails is not among the latencies but among the failures; which tier was down is
        noted all the same.
        """
        return Measuring(self, operation, trace)

    @contextmanager
    def look(self, trace: Trace) -> Iterator[None]:
        """Notes which tiers answered in the block, which is no operation."""
        started = self.clock()
        try:
            yield
        finally:
            with self._lock:
                self._take_in()
                self._met(trace.answered, started, self.clock())

    def leave(self, ended: Ended) -> None:
        """Takes the word of an operation that has ended; it is counted later."""
        self._ended.append(ended)
        if len(self._ended) > _MOST:
            self.take_in()

    def take_in(self) -> None:
        """Counts what has ended since the last time; who reads does so first.

        An operation only leaves word that it has ended: to count it costs several times as much.
        The resident process does that now and then, so that there is never much of it.
        """
        with self._lock:
            self._take_in()

    def use(self, what: str, kinds: Iterable[Kind]) -> None:
        """Counts one use for each of `kinds`."""
        self._used.append((what, tuple(kinds)))

    def latencies(self) -> dict[str, dict[str, Any]]:
        """For each operation and tier: calls and percentiles since start and of the last 5 minutes.

        A tier's latency is all the time that one operation spent in it.
        """
        with self._lock:
            self._take_in()
            now = self.clock()
            return {
                name: {**kept.since_start(), "last_5_minutes": kept.lately(now)}
                for name, kept in self._latencies.items()
            }

    def slots(self, percent: int) -> dict[str, list[float | None]]:
        """For each operation and tier: a percentile of each ten seconds of the last 5 minutes."""
        with self._lock:
            self._take_in()
            now = self.clock()
            return {name: kept.slots(now, percent) for name, kept in self._latencies.items()}

    def durations(self, bounds: Sequence[float]) -> dict[str, Distribution]:
        """For each operation and tier: its latencies since the start among bounds, milliseconds."""
        with self._lock:
            self._take_in()
            return {name: kept.distribution(bounds) for name, kept in self._latencies.items()}

    def recalls(self, bounds: Sequence[float]) -> dict[str, Distribution]:
        """The same of recalls, those by meaning alone included, by the tier that served them."""
        with self._lock:
            self._take_in()
            return {name: kept.distribution(bounds) for name, kept in self._recalls.items()}

    def failures(self) -> dict[tuple[str, str], int]:
        """For each operation and error code: how often it failed that way."""
        with self._lock:
            self._take_in()
            return dict(self._failures)

    def served(self) -> dict[str, int]:
        """How many recalls, those by meaning alone included, each tier served."""
        with self._lock:
            self._take_in()
            return {name: kept.calls for name, kept in self._recalls.items()}

    def look_ups(self, tier: str) -> dict[str, dict[str, int]]:
        """For each thing that is looked up in a cache: how often it was asked for, and found."""
        with self._lock:
            self._take_in()
            return {
                what: {"asked": counts.total(), "found": counts[True]}
                for what, counts in self._look_ups.get(tier, {}).items()
            }

    def usage(self) -> dict[str, dict[str, int]]:
        """For each kind: the uses that were counted."""
        with self._lock:
            self._take_in()
            return {kind.value: dict(counts) for kind, counts in self._usage.items()}

    def down(self, tier: str) -> bool:
        """Whether the last request that asked this tier met it down."""
        with self._lock:
            self._take_in()
            return tier in self._down_since

    def degraded_seconds(self, tier: str) -> float:
        """How long a tier was down: from the first request that met it down to the next it served.

        It counts from the beginning of the one to the end of the other.
        """
        with self._lock:
            self._take_in()
            since = self._down_since.get(tier)
            lasting = 0.0 if since is None else self.clock() - since
            return self._down_for.get(tier, 0.0) + lasting

    def _take_in(self) -> None:
        """With the lock held: in the order in which they ended."""
        while self._ended:
            operation, started, at, code, spent, answered, look_ups, served_by = (
                self._ended.popleft()
            )
            if code is None:
                self._note(operation, started, at, *spent, look_ups, served_by)
            elif code:
                self._failures[operation, code] += 1
            self._met(answered, started, at)
        while self._used:
            what, kinds = self._used.popleft()
            for kind in kinds:
                self._usage[kind][what] += 1

    def _note(
        self,
        operation: str,
        started: float,
        at: float,
        before: Mapping[str, float],
        after: Mapping[str, float],
        look_ups: Sequence[tuple[str, str, bool]],
        served_by: str | None,
    ) -> None:
        took = (at - started) * 1000
        _kept(self._latencies, operation).note(took, at)
        for tier, spent in after.items():
            if spent != before.get(tier):
                _kept(self._latencies, tier).note(spent - before.get(tier, 0.0), at)
        if operation in _ASKING and served_by is not None:
            _kept(self._recalls, served_by).note(took, at)
        for tier, what, found in look_ups:
            self._look_ups.setdefault(tier, {}).setdefault(what, Counter())[found] += 1

    def _met(self, answered: Mapping[str, bool], started: float, ended: float) -> None:
        for tier, up in answered.items():
            if not up:
                self._down_since.setdefault(tier, started)
            elif tier in self._down_since:
                lasted = ended - self._down_since.pop(tier)
                self._down_for[tier] = self._down_for.get(tier, 0.0) + lasted


def _kept(among: dict[str, Latencies], name: str) -> Latencies:
    kept = among.get(name)
    if kept is None:
        kept = among[name] = Latencies()
    return kept
