"""How long calls take: warmed up, in turns, in visits spread over the run."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from sophia_cli.bench.pace import Pace
from sophia_cli.bench.results import Figure, Load, PaceOf
from sophia_cli.bench.statistics import Samples

Call = Callable[[int], object]
"""Is told how many calls came before it, so that none need ask the same as another."""

VISITS = 6
"""How often each measurement is visited: the fewest samples that give a median an interval.

What disturbs a shared machine lasts for seconds or minutes. Spread over the run, every measurement
has its share of the disturbed and of the quiet ones; one after the other, each has either.
"""

_WARM_UP = 3
_TICKS = 3
_ROUND = 0.04
_ENOUGH = 5_000 // VISITS


class Measurement:
    """Calls that are measured in turns, so that each has the same machine.

    Args:
        calls: one or several.
        figures: makes the figures, from one array of milliseconds for each call and the pace.
        before, after: what has to be done before and after each visit, and is not measured.
        paced_by: pieces of the pace that count beside the usual: `DISK` where a call waits for the
            disk, `BATCH` where it computes for a tenth of a second or longer.
        part: of the seconds, where these calls are short enough to do with it.
    """

    def __init__(
        self,
        *calls: Call,
        figures: Callable[..., Iterable[Figure]],
        before: Callable[[], object] = lambda: None,
        after: Callable[[], object] = lambda: None,
        paced_by: Collection[str] = (),
        part: float = 1.0,
    ) -> None:
        self._calls = calls
        self._figures = figures
        self._before = before
        self._after = after
        self._paced_by = paced_by
        self._part = part
        self._numbers = itertools.count()
        self._spent: list[list[float]] = [[] for _ in calls]
        self._ticks: list[dict[str, float]] = []

    def visit(self, seconds: float, pace: Pace) -> None:
        """Takes samples for `seconds` a call in all the visits together, at least one a visit.

        More than 5,000 are not taken: they place the 99th percentile between the 98.7th and 99.3rd.
        """
        self._before()
        try:
            self._visit(seconds, pace)
        finally:
            self._after()

    def _visit(self, seconds: float, pace: Pace) -> None:
        self._warm_up()
        self._ticks.extend(pace.tick(self._paced_by) for _ in range(_TICKS))
        taken, ends = 0, time.perf_counter() + seconds * self._part / VISITS * len(self._calls)
        while taken == 0 or (time.perf_counter() < ends and taken < _ENOUGH):
            self._ticks.append(pace.tick(self._paced_by))
            round_ends = time.perf_counter() + _ROUND
            while taken == 0 or time.perf_counter() < round_ends:
                number = next(self._numbers)
                taken += 1
                for samples, call in zip(self._spent, self._calls, strict=True):
                    started = time.perf_counter()
                    call(number)
                    samples.append((time.perf_counter() - started) * 1000)

    def _warm_up(self) -> None:
        """Three turns, or fewer of calls that are long enough to be warm without."""
        spent = self._spent[0][-1] / 1000 if self._spent[0] else 0.0
        ends = time.perf_counter() + _ROUND - spent
        for number in itertools.islice(self._numbers, _WARM_UP):
            if time.perf_counter() > ends:
                return
            for call in self._calls:
                call(number)

    def results(self) -> Iterator[Figure | Load]:
        """The figures of all visits."""
        series: list[Samples] = [np.array(samples) for samples in self._spent]
        yield from self._figures(*series, pace_of(self._ticks))


def pace_of(ticks: Sequence[Mapping[str, float]]) -> PaceOf:
    """What many ticks of the pace came to."""
    found = {}
    for name in ticks[0]:
        quick, median = np.quantile([tick[name] for tick in ticks], [0.1, 0.5])
        found[name] = (float(f"{quick:.5g}"), float(f"{median:.5g}"))
    return found
