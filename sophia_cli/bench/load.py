"""Throughput and latency with several clients at once, each as fast as it is answered."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sophia_cli.bench.measure import VISITS, Call, pace_of
from sophia_cli.bench.pace import Pace
from sophia_cli.bench.results import Load
from sophia_cli.bench.statistics import percentile

CLIENTS = (1, 2, 4, 8)

_TICKS = 3


@dataclass(slots=True)
class _Level:
    """What was measured so far with so many clients."""

    rates: list[float] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)
    ticks: list[dict[str, float]] = field(default_factory=list)


class LoadMeasurement:
    """A call under load. The levels take turns in every visit; a throughput is their median.

    Args:
        clients: the levels.
        before: what has to be done before each visit, and is not measured.
    """

    def __init__(
        self,
        name: str,
        call: Call,
        *,
        clients: Sequence[int] = CLIENTS,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        self._name = name
        self._call = call
        self._before = before
        self._numbers = itertools.count()
        self._levels = {count: _Level() for count in clients}

    def visit(self, seconds: float, pace: Pace) -> None:
        """Runs each level for its share of `seconds`, which each has in all visits together."""
        self._before()
        for clients, level in self._levels.items():
            level.ticks.extend(pace.tick() for _ in range(_TICKS))
            rate, spent = _slice(self._call, self._numbers, clients, seconds / VISITS)
            level.rates.append(rate)
            level.spent.extend(spent)

    def results(self) -> Iterator[Load]:
        """One load a level."""
        for clients, level in self._levels.items():
            throughput, latency = percentile(level.rates, 0.5), percentile(level.spent, 0.5)
            assert throughput and latency  # noqa: S101  (six visits, and a call in each)
            yield Load(
                self._name,
                clients,
                throughput,
                latency,
                percentile(level.spent, 0.95),
                max(level.rates),
                len(level.spent),
                pace_of(level.ticks),
            )


def _slice(
    call: Call, numbers: Iterator[int], clients: int, seconds: float
) -> tuple[float, list[float]]:
    """Calls a second of all clients together, and the milliseconds of each call.

    Raises:
        BaseException: whatever a call raised; the other clients end after the call at hand.
    """
    stop = threading.Event()
    ready = threading.Barrier(clients)
    spent: list[list[float]] = [[] for _ in range(clients)]
    rates = [0.0] * clients
    failed: list[BaseException] = []

    def client(place: int) -> None:
        try:
            ready.wait()
            began = now = time.perf_counter()
            while not stop.is_set() and (now - began < seconds or not spent[place]):
                call(next(numbers))
                ended = time.perf_counter()
                spent[place].append((ended - now) * 1000)
                now = ended
            rates[place] = len(spent[place]) / max(now - began, 1e-9)
        except BaseException as error:
            failed.append(error)
            stop.set()

    threads = [threading.Thread(target=client, args=[place]) for place in range(clients)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        stop.set()
        ready.abort()
        for thread in threads:
            if thread.is_alive():
                thread.join()
    if failed:
        raise failed[0]
    return sum(rates), [each for one in spent for each in one]
