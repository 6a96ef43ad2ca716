"""What the process measures of itself: latencies, counts and down times, never quoted figures."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sophia_cli.errors import TierDown
from sophia_cli.memory.latencies import Distribution, Latencies
from sophia_cli.memory.model import KINDS, Kind
from sophia_cli.memory.trace import Trace

_ASKING = frozenset({"recall", "similar"})


class Meters:
    """What became of the operations of a service since it was opened. Safe to use from threads.

    Noting an operation costs a microsecond for each tier that it asked.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._latencies: dict[str, Latencies] = {}
        self._recalls: dict[str, Latencies] = {}
        self._failures: Counter[tuple[str, str]] = Counter()
        self._look_ups: dict[str, dict[str, Counter[bool]]] = {}
        self._usage: dict[Kind, Counter[str]] = {kind: Counter() for kind in KINDS}
        self._down_since: dict[str, float] = {}
        self._down_for: dict[str, float] = {}

    @contextmanager
    def measure(self, operation: str, trace: Trace) -> Iterator[None]:
        """Measures the block as one operation, and what it adds to the trace as its share.

        One that fails is not among the latencies but among the failures; which tier was down is
        noted all the same.
        """
        started = self._clock()
        spent_before = dict(trace.tiers)
        trace.answered.clear()
        trace.look_ups.clear()
        try:
            yield
        except Exception as error:
            if isinstance(error, TierDown):
                trace.answered[error.tier] = False
            with self._lock:
                self._failures[operation, getattr(error, "code", "internal")] += 1
            raise
        else:
            self._note(operation, started, spent_before, trace)
        finally:
            self._met(started, trace)

    @contextmanager
    def look(self, trace: Trace) -> Iterator[None]:
        """Notes which tiers answered in the block, which is no operation."""
        started = self._clock()
        try:
            yield
        finally:
            self._met(started, trace)

    def use(self, what: str, kinds: Iterable[Kind]) -> None:
        """Counts one use for each of `kinds`."""
        with self._lock:
            for kind in kinds:
                self._usage[kind][what] += 1

    def latencies(self) -> dict[str, dict[str, Any]]:
        """For each operation and tier: calls and percentiles since start and of the last 5 minutes.

        A tier's latency is all the time that one operation spent in it.
        """
        with self._lock:
            now = self._clock()
            return {
                name: {**kept.since_start(), "last_5_minutes": kept.lately(now)}
                for name, kept in self._latencies.items()
            }

    def durations(self, bounds: Sequence[float]) -> dict[str, Distribution]:
        """For each operation and tier: its latencies since the start among bounds, milliseconds."""
        with self._lock:
            return {name: kept.distribution(bounds) for name, kept in self._latencies.items()}

    def recalls(self, bounds: Sequence[float]) -> dict[str, Distribution]:
        """The same of recalls, those by meaning alone included, by the tier that served them."""
        with self._lock:
            return {name: kept.distribution(bounds) for name, kept in self._recalls.items()}

    def failures(self) -> dict[tuple[str, str], int]:
        """For each operation and error code: how often it failed that way."""
        with self._lock:
            return dict(self._failures)

    def served(self) -> dict[str, int]:
        """How many recalls, those by meaning alone included, each tier served."""
        with self._lock:
            return {name: kept.calls for name, kept in self._recalls.items()}

    def look_ups(self, tier: str) -> dict[str, dict[str, int]]:
        """For each thing that is looked up in a cache: how often it was asked for, and found."""
        with self._lock:
            return {
                what: {"asked": counts.total(), "found": counts[True]}
                for what, counts in self._look_ups.get(tier, {}).items()
            }

    def usage(self) -> dict[str, dict[str, int]]:
        """For each kind: the uses that were counted."""
        with self._lock:
            return {kind.value: dict(counts) for kind, counts in self._usage.items()}

    def down(self, tier: str) -> bool:
        """Whether the last request that asked this tier met it down."""
        with self._lock:
            return tier in self._down_since

    def degraded_seconds(self, tier: str) -> float:
        """How long a tier was down: from the first request that met it down to the next it served.

        It counts from the beginning of the one to the end of the other.
        """
        with self._lock:
            since = self._down_since.get(tier)
            lasting = 0.0 if since is None else self._clock() - since
            return self._down_for.get(tier, 0.0) + lasting

    def _note(
        self, operation: str, started: float, spent_before: dict[str, float], trace: Trace
    ) -> None:
        now = self._clock()
        with self._lock:
            spent_here = (now - started) * 1000
            _kept(self._latencies, operation).note(spent_here, now)
            for tier, spent in trace.tiers.items():
                before = spent_before.get(tier)
                if spent != before:
                    _kept(self._latencies, tier).note(spent - (before or 0.0), now)
            if operation in _ASKING and trace.served_by is not None:
                _kept(self._recalls, trace.served_by).note(spent_here, now)
            for tier, what, found in trace.look_ups:
                self._look_ups.setdefault(tier, {}).setdefault(what, Counter())[found] += 1

    def _met(self, started: float, trace: Trace) -> None:
        with self._lock:
            for tier, answered in trace.answered.items():
                if not answered:
                    self._down_since.setdefault(tier, started)
                elif tier in self._down_since:
                    lasted = self._clock() - self._down_since.pop(tier)
                    self._down_for[tier] = self._down_for.get(tier, 0.0) + lasted


def _kept(among: dict[str, Latencies], name: str) -> Latencies:
    kept = among.get(name)
    if kept is None:
        kept = among[name] = Latencies()
    return kept
