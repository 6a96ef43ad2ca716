"""Dates made of others: `early May`, `two days before Christmas`, `from March to May`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sophia_cli.memory.understanding.calendar_words import (
    NUMBER,
    ORDINAL,
    UNIT,
    WEEKDAY_NAMES,
    Phrase,
    counted,
    may_begin,
    place,
    weekday_number,
)
from sophia_cli.memory.understanding.dates_relative import BEFORE, RELATIVE, offset
from sophia_cli.memory.understanding.dates_written import BARE, WRITTEN
from sophia_cli.memory.understanding.readings import Reading, longest, read
from sophia_cli.memory.understanding.stretches import (
    DAY,
    Stretch,
    current,
    nth,
    nth_weekday,
    part,
    stepped,
    weekend,
)

_ANYWHERE = (*WRITTEN, *RELATIVE)
# "the end of the first week of May" is two deep.
_DEEPEST = 2

_DAY_UNITS = "day|night|morning|afternoon|evening"
_UNITS = f"{_DAY_UNITS}|weekend|week|fortnight|month|quarter|year|decade"
OFFSET = Phrase(
    rf"(?:{NUMBER} {UNIT}|(?:the )?(?P<the>{_UNITS}|{WEEKDAY_NAMES}))"
    r" (?P<side>before|after|following|prior(?= to))(?: to)? "
)
_UNIT_OF = rf"(?P<the>{_UNITS}) (?P<side>of) "
# Not "the second day of the conference".
UNIT_OF_EVENT = Phrase(rf"(?:on )?the {_UNIT_OF}")
_UNIT_OF_DATE = Phrase(rf"(?:the )?{_UNIT_OF}")
_CUES = "(?:in|on|at|of|for|from|during|over|within|around|throughout)"
_CUE = Phrase(rf"{_CUES} (?!{_CUES} |lately|recently)")
_PART = Phrase(
    r"(?:the )?(?:(?P<part>early|mid|late)(?:(?: (?:in|of))? |-)"
    r"|(?:very )?(?P<edge>beginning|start|middle|end) of )"
)
_NTH = Phrase(
    rf"(?:the )?{ORDINAL} (?:(?P<unit>day|week|month|quarter|half)|(?P<weekday>{WEEKDAY_NAMES}))"
    r" (?:of|in) "
)
_SOME = Phrase(rf"(?:the )?(?P<edge>first|last) {NUMBER} {UNIT} (?:of|in) ")
_LED = Phrase(r"(?P<lead>between|from) ")
_TO = Phrase(r"(?: ?[-–—/] ?| (?:to|until|till|through|up to) )")
_AND = Phrase(r" (?:and|&) ")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads dates in a text without lookalikes, by the time of asking.

    `cued`: a word in front speaks of time, so that "May" alone is the month. `depth`: how often
    dates may be made of other dates. Each place is read once for each.
    """

    text: str
    now: datetime
    _known: dict[tuple[int, bool, int], Reading | None] = field(default_factory=dict)

    def stretch_at(self, at: int, *, cued: bool = False, depth: int = _DEEPEST) -> Reading | None:
        """The longest stretch of time that begins at `at`."""
        key = at, cued, depth
        if key not in self._known:
            self._known[key] = self._read_at(at, cued, depth)
        return self._known[key]

    def range_at(self, at: int, *, cued: bool = False, depth: int = _DEEPEST) -> Reading | None:
        """From one date to another: "between 3 May and 9 June", "May-June 2023"."""
        led = _LED.match(self.text, at)
        start = led.end() if led else at
        first = self.stretch_at(start, cued=True, depth=depth - 1)
        if first is None:
            return None
        to = (_AND if led and led["lead"] == "between" else _TO).match(self.text, first.end)
        last = to and self.stretch_at(to.end(), cued=True, depth=depth - 1)
        if not last:
            return None
        # "March to May" may be a walk to somebody.
        if not led and not cued and last.yearly and self.stretch_at(start, depth=0) is None:
            return None
        return Reading(last.end, _from_to(first, last), first.yearly and last.yearly)

    def _read_at(self, at: int, cued: bool, depth: int) -> Reading | None:
        if depth:
            simple = self.stretch_at(at, cued=cued, depth=0)
            return longest((simple, *self._made_at(at, depth)))
        if not may_begin(self.text, at):
            return None
        if cued:
            sure = self.stretch_at(at, depth=0)
            return longest((sure, read(BARE, self.text, at, self.now)))
        return read(_ANYWHERE, self.text, at, self.now)

    def _made_at(self, at: int, depth: int) -> Iterator[Reading | None]:
        for pattern, meaning in _MADE:
            found = pattern.match(self.text, at)
            of = found and self.stretch_at(found.end(), cued=True, depth=depth - 1)
            if found and of:
                yield Reading(of.end, _then(meaning, found, of), of.yearly)
        cue = _CUE.match(self.text, at)
        if cue:
            yield self.stretch_at(cue.end(), cued=True, depth=depth - 1)
            yield self.range_at(cue.end(), cued=True, depth=depth)


def _then(
    meaning: Callable[[re.Match[str], Stretch], Stretch], found: re.Match[str], of: Reading
) -> Callable[[int], Stretch]:
    return lambda year: meaning(found, of.when(year))


def _from_to(first: Reading, last: Reading) -> Callable[[int], Stretch]:
    """What names no year takes that of the other, or the next one to it: "December to May 2023"."""

    def when(year: int) -> Stretch:
        if not first.yearly:
            year = first.when(year).first.year
        elif not last.yearly:
            year = last.when(year).first.year
        other = (year, year + 1) if last.yearly else (year - 1, year)
        for years in ((year, year), other):
            stretch = Stretch(first.when(years[0]).first, last.when(years[1]).after)
            if stretch.first < stretch.after:
                return stretch
        raise ValueError(years)

    return when


def _part(found: re.Match[str], of: Stretch) -> Stretch:
    """Early, mid and late are thirds; the beginning and the end are quarters."""
    if found["part"] or found["edge"] == "middle":
        return part(of, {"early": 0, "late": 2}.get(found["part"], 1), 3)
    return part(of, 3 if found["edge"] == "end" else 0, 4)


def _nth(found: re.Match[str], of: Stretch) -> Stretch:
    if found["weekday"]:
        return nth_weekday(of, place(found["ordinal"]), weekday_number(found["weekday"]))
    return nth(of, place(found["ordinal"]), found["unit"])


def _some(found: re.Match[str], of: Stretch) -> Stretch:
    """`the last two weeks of May`."""
    most = counted(found["number"])[1]
    if found["edge"] == "first":
        return Stretch(of.first, min(of.after, stepped(of.first, most, found["unit"])))
    return Stretch(max(of.first, stepped(of.after, -most, found["unit"])), of.after)


def _unit_of(found: re.Match[str], of: Stretch) -> Stretch:
    """`the week of 5 June`: from its Monday; `the weekend of` it is the nearest."""
    if found["the"] == "weekend":
        return weekend(of.first)
    return of if found["the"] in _DAY_UNITS else current(found["the"], of.first)


def _shifted(found: re.Match[str], of: Stretch) -> Stretch:
    """`two days before Christmas`, `the Friday after 9 June`."""
    unit = found["the"] or found["unit"]
    weekly = unit == "weekend" or (unit.endswith("day") and unit != "day")
    earliest, latest = offset(found["number"], "week" if weekly else unit, found["side"])
    day = of.first if found["side"] in BEFORE else of.after - DAY
    around = Stretch(day + earliest, day + latest)
    if found["the"] and unit == "weekend":
        return weekend(nth_weekday(around, 0, 5).first)
    return nth_weekday(around, 0, weekday_number(unit)) if found["the"] and weekly else around


_MADE = (
    (_PART, _part),
    (_NTH, _nth),
    (_SOME, _some),
    (_UNIT_OF_DATE, _unit_of),
    (OFFSET, _shifted),
)
