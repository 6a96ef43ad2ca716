"""Latencies in bounded memory: counts in buckets whose width grows with the value.

A bucket is as wide as 2 % of what is in it, so that whatever was noted is known to 1 %; 1,102 of
them reach from a microsecond to an hour. (The buckets are those of DDSketch: Masson, Rim and Lee,
VLDB 2019.)
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

ERROR = 0.01
"""How far a percentile may be from the value that was noted, relative to that value."""
SHORTEST, LONGEST = 1e-3, 3.6e6
"""Milliseconds between which `ERROR` holds; what lies outside counts as the nearer of the two."""
WINDOW = 300.0
"""Seconds that are the last five minutes."""

_GROWTH = (1 + ERROR) / (1 - ERROR)
_PER_BUCKET = 1 / math.log(_GROWTH)
_LAST = math.ceil(math.log(LONGEST / SHORTEST) * _PER_BUCKET)
_SLOTS = 30
_SLOT = WINDOW / _SLOTS
_PERCENTS = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram holds since the start.

    Attributes:
        below: how many values were at or below each bound; which one a value within `ERROR` of a
            bound belongs to is not known.
        calls: how many there were.
        total: their sum, milliseconds, exact.
    """

    below: tuple[int, ...]
    calls: int
    total: float


class Latencies:
    """The latencies of one operation or tier: since the start, and of the last five minutes.

    The five minutes are a ring of slots of 10 s, the one that is being filled among them: 290 to
    300 s. A value costs half a microsecond, and 31 tables hold all of them. Not safe to share
    between threads.
    """

    def __init__(self) -> None:
        self._ever: dict[int, int] = {}
        self._slots: list[dict[int, int]] = [{} for _ in range(_SLOTS)]
        self._numbers = [-1] * _SLOTS
        self._total = 0.0

    def note(self, milliseconds: float, now: float) -> None:
        """Adds one value; `now` is any clock's time in seconds that never goes back."""
        number = int(now / _SLOT)
        place = number % _SLOTS
        if self._numbers[place] != number:
            self._numbers[place], self._slots[place] = number, {}
        bucket = _bucket(milliseconds)
        for counts in (self._ever, self._slots[place]):
            counts[bucket] = counts.get(bucket, 0) + 1
        self._total += milliseconds

    @property
    def calls(self) -> int:
        """How many there were since the start."""
        return sum(self._ever.values())

    def distribution(self, bounds: Sequence[float]) -> Distribution:
        """How they lie among ascending bounds, milliseconds."""
        within = [0] * (len(bounds) + 1)
        for bucket, count in self._ever.items():
            within[bisect_left(bounds, _value(bucket))] += count
        *below, calls = accumulate(within)
        return Distribution(tuple(below), calls, self._total)

    def since_start(self) -> dict[str, Any]:
        """How many there were, and their percentiles."""
        return _summary(self._ever)

    def lately(self, now: float) -> dict[str, Any]:
        """The same of the last five minutes; percentiles are None where there were none."""
        oldest = int(now / _SLOT) - _SLOTS + 1
        recent = zip(self._numbers, self._slots, strict=True)
        return _summary(_together(counts for number, counts in recent if number >= oldest))

    def slots(self, now: float, percent: int) -> list[float | None]:
        """A percentile of each ten seconds of the last five minutes, the oldest first."""
        oldest = int(now / _SLOT) - _SLOTS + 1
        kept = dict(zip(self._numbers, self._slots, strict=True))
        return [
            _percentile(kept.get(number, {}), percent) for number in range(oldest, oldest + _SLOTS)
        ]


def _bucket(milliseconds: float) -> int:
    if milliseconds <= SHORTEST:
        return 0
    return min(math.ceil(math.log(milliseconds / SHORTEST) * _PER_BUCKET), _LAST)


def _value(bucket: int) -> float:
    """What stands for a bucket: as far from its lower end as from its upper, relative to each."""
    return 2 * SHORTEST * _GROWTH**bucket / (_GROWTH + 1)


def _together(tables: Iterable[Mapping[int, int]]) -> Mapping[int, int]:
    total: Counter[int] = Counter()
    for counts in tables:
        total.update(counts)
    return total


def _summary(counts: Mapping[int, int]) -> dict[str, Any]:
    return {
        "calls": sum(counts.values()),
        **{f"p{percent}_ms": _percentile(counts, percent) for percent in _PERCENTS},
    }


def _percentile(counts: Mapping[int, int], percent: int) -> float | None:
    if not counts:
        return None
    buckets = sorted(counts)
    passed = list(accumulate(counts[bucket] for bucket in buckets))
    # The lowest value that has this share of all at or below it.
    return round(_value(buckets[bisect_left(passed, -(-passed[-1] * percent // 100))]), 3)
