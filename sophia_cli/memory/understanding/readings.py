"""Words read as a stretch of time, and the forms they are read by: patterns with a meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sophia_cli.memory.understanding.calendar_words import Phrase
from sophia_cli.memory.understanding.stretches import Stretch

# 1896 and 1904 were leap years, 1900 was none.
_YEARS_BETWEEN_LEAP_DAYS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """Words read as a stretch of time.

    Attributes:
        end: where the words end in the text.
        when: the stretch, by the year to take where the words name none. Raises ValueError or
            OverflowError where there is no such day: "31 February" is read, and means nothing.
        yearly: the words name no year.
    """

    end: int
    when: Callable[[int], Stretch]
    yearly: bool = False

    def latest(self, now: datetime) -> Stretch | None:
        """The stretch; of several years the latest that began before `now`. None if none did."""
        # From the year to come: a week before New Year's Day is in the year before.
        for year in range(now.year + 1, now.year - _YEARS_BETWEEN_LEAP_DAYS - 1, -1):
            try:
                stretch = self.when(year)
            except (ValueError, OverflowError):
                continue
            if not self.yearly or stretch.first <= now.date():
                return stretch
        return None


class Form(NamedTuple):
    """A pattern, and the reading of what it found, by the time of asking."""

    pattern: Phrase
    reading: Callable[[re.Match[str], datetime], Reading]


def by_year(pattern: str, meaning: Callable[[re.Match[str], int], Stretch]) -> Form:
    """A form for what comes every year, unless the group `year` of its pattern names one."""

    def reading(found: re.Match[str], now: datetime) -> Reading:
        named = found.groupdict().get("year")

        def when(year: int) -> Stretch:
            return meaning(found, _year(named, now) if named else year)

        return Reading(found.end(), when, yearly=not named)

    return Form(Phrase(pattern), reading)


def by_now(pattern: str, meaning: Callable[[re.Match[str], datetime], Stretch]) -> Form:
    """A form for what depends on the time of asking alone."""

    def reading(found: re.Match[str], now: datetime) -> Reading:
        return Reading(found.end(), lambda _: meaning(found, now))

    return Form(Phrase(pattern), reading)


def read(forms: Iterable[Form], text: str, at: int, now: datetime) -> Reading | None:
    """The longest reading that begins at `at` in a text without lookalikes."""
    return longest(
        form.reading(found, now) for form in forms if (found := form.pattern.match(text, at))
    )


def longest(readings: Iterable[Reading | None]) -> Reading | None:
    """The longest of some readings that begin at the same place, the first of equals."""
    best: Reading | None = None
    for reading in readings:
        if reading is not None and (best is None or reading.end > best.end):
            best = reading
    return best


def recurring(which: str, of: Callable[[int], Stretch], now: datetime) -> Stretch:
    """The last, this or next of what comes once a year: "last May", "next summer"."""
    today = now.date()
    if which in ("this", "current"):
        # Said early in the year, "this winter" is the one that began in the last.
        stretch = of(today.year - 1)
        return stretch if stretch.after > today else of(today.year)
    if which in ("next", "coming", "upcoming"):
        return min(s for year in (0, 1, 2) if (s := of(today.year + year)).first > today)
    return max(s for year in (-2, -1, 0) if (s := of(today.year + year)).after <= today)


def _year(named: str, now: datetime) -> int:
    """The year that is named: `2023`, `'23` (until 1970) or `last year`; figures as they are."""
    if named.isdigit():
        return int(named)
    if named[0] in "'’":
        return int(named[1:]) + (2000 if int(named[1:]) < 70 else 1900)
    return now.year + {"l": -1, "t": 0, "n": 1}[named[0]]
