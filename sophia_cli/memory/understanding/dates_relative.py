"""Dates by the time of asking: `yesterday`, `last week`, `on Monday`, `two weeks ago`."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from sophia_cli.memory.understanding.calendar_words import (
    ANY_WEEKDAY,
    END,
    MONTH,
    NUMBER,
    SEASON,
    UNIT,
    WEEKDAY,
    WEEKDAY_NAMES,
    WHICH,
    counted,
    month_number,
    weekday_number,
)
from sophia_cli.memory.understanding.holidays import HOLIDAY, holiday
from sophia_cli.memory.understanding.readings import by_now, recurring
from sophia_cli.memory.understanding.stretches import (
    DAY,
    Stretch,
    current,
    days,
    months,
    part,
    season,
    stepped,
    week,
)

BEFORE = ("before", "prior")
_LATELY = 14
_TODAY = {"yesterday": -1, "tomorrow": 1, "last": -1}
_STEPS = {"last": -1, "past": -1, "previous": -1, "next": 1, "coming": 1, "upcoming": 1}
_CLOCK = {"second": 1, "minute": 60, "hour": 3600}
_AS_IN_THE_CALENDAR = ("weekend", "month", "quarter", "year", "decade")
# "What will Ann do on Monday?": the verb stands in front of the day.
_WILL = re.compile(r"(?<!\w)(?:will|shall|going to|upcoming)(?!\w)|['’]ll(?!\w)")
_SENTENCE = 120


def offset(number: str | None, unit: str, side: str) -> tuple[timedelta, timedelta]:
    """How far "two days before" or "the week after" is from a day: first day, and after the last.

    "The week before" ends at the day; "a week before" is a week long, with the day a week before
    in its middle. A month is 30 days, a year 365.
    """
    length, slack = {
        "week": (7, 3),
        "weekend": (7, 3),
        "fortnight": (14, 3),
        "month": (30, 15),
        "quarter": (91, 45),
        "year": (365, 182),
        "decade": (3652, 1826),
        **dict.fromkeys(_CLOCK, (0, 0)),
    }.get(unit, (1, 0))
    if side == "of":
        return -slack * DAY, (slack + 1) * DAY
    before = side in BEFORE
    if number is None:
        return (-length * DAY, 0 * DAY) if before else (DAY, (1 + length) * DAY)
    least, most = counted(number)
    if before:
        return (-most * length - slack) * DAY, (-least * length + slack + 1) * DAY
    return (least * length - slack) * DAY, (most * length + slack + 1) * DAY


def _today(found: re.Match[str], now: datetime) -> Stretch:
    return days(now.date() + _TODAY.get(found["today"].split()[0], 0) * DAY)


def _lately(_: re.Match[str], now: datetime) -> Stretch:
    return Stretch(now.date() - _LATELY * DAY, now.date() + DAY)


def _weekday(found: re.Match[str], now: datetime) -> Stretch:
    """The latest on or before today; in a sentence about the future, the first after today."""
    number, today = weekday_number(found["weekday"]), now.date()
    if found["which"]:
        return days(_monday(found["which"], now) + number * DAY)
    day = today - (today.weekday() - number) % 7 * DAY
    sentence = max(0, found.start() - _SENTENCE)
    if day < today and _WILL.search(found.string, sentence, found.start()):
        day += 7 * DAY
    return days(day)


def _weekdays(found: re.Match[str], now: datetime) -> Stretch:
    """`from Monday to Wednesday`: the latest that are over, or end today."""
    number, today = weekday_number(found["weekday"]), now.date()
    more = (weekday_number(found["through"]) - number) % 7
    if found["which"]:
        return days(_monday(found["which"], now) + number * DAY, more + 1)
    last = today - (today.weekday() - number - more) % 7 * DAY
    return days(last - more * DAY, more + 1)


def _which_weekday(found: re.Match[str], now: datetime) -> Stretch:
    """Last: before today. This: of this week. Next: the first after today."""
    number, step = weekday_number(found["weekday"]), _STEPS.get(found["which"], 0)
    if step == 0:
        return days(week(now.date()).first + number * DAY)
    ahead = (number - now.weekday()) % 7
    if step > 0:
        return days(now.date() + (ahead or 7) * DAY)
    return days(now.date() + (ahead - 7) * DAY)


def _monday(which: str, now: datetime) -> date:
    return week(now.date()).first + 7 * _STEPS.get(which, 0) * DAY


def _which_unit(found: re.Match[str], now: datetime) -> Stretch:
    """`last week`, `this month`."""
    return _away(found["unit"], _STEPS.get(found["which"], 0), now)


def _two_away(found: re.Match[str], now: datetime) -> Stretch:
    """`the week before last`."""
    return _away(found["unit"], -2 if found["side"].startswith("before") else 2, now)


def _away(unit: str, steps: int, now: datetime) -> Stretch:
    return current(unit, stepped(current(unit, now.date()).first, steps, unit))


def _edge(found: re.Match[str], now: datetime) -> Stretch:
    """`the end of the month`: of this one."""
    place = {"beginning": 0, "start": 0, "end": 3}[found["edge"]]
    return part(current(found["unit"], now.date()), place, 4)


def _weekend(_: re.Match[str], now: datetime) -> Stretch:
    """`over the weekend`: the latest that has begun."""
    return current("weekend", now.date() - 5 * DAY)


def _recurring(found: re.Match[str], now: datetime) -> Stretch:
    month, name, feast = found["month"], found["season"], found["holiday"]

    def of(year: int) -> Stretch:
        if month:
            return months(year, month_number(month))
        return season(name, year) if name else days(holiday(feast, year))

    return recurring(found["which"], of, now)


def _ago(found: re.Match[str], now: datetime) -> Stretch:
    """That day; the seven days around it for weeks; the calendar month, year, ... for those."""
    unit = found["unit"]
    least, most = counted(found["number"])
    if found["half"] and unit == "year":
        unit, least, most = "month", 6, 6
    if unit in _CLOCK:
        seconds = timedelta(seconds=_CLOCK[unit])
        return Stretch((now - most * seconds).date(), (now - least * seconds).date() + DAY)
    if unit in _AS_IN_THE_CALENDAR:
        this = current(unit, now.date()).first
        first, last = stepped(this, -most, unit), stepped(this, -least, unit)
        return Stretch(first, current(unit, last).after)
    earliest, latest = offset(found["number"], unit, "before")
    return Stretch(now.date() + earliest, now.date() + latest)


def _rolling(found: re.Match[str], now: datetime) -> Stretch:
    """`the last three days`: three days back from today, and today."""
    unit, today = found["unit"], now.date()
    most = counted(found["number"] or "one")[1]
    step = 1 if found["which"] in ("next", "coming") else -1
    if unit in _CLOCK:
        other: date = (now + timedelta(seconds=step * most * _CLOCK[unit])).date()
    else:
        other = stepped(today, step * most, unit)
    return Stretch(min(today, other), max(today, other) + DAY)


_UNIT = "(?P<unit>weekend|week|month|quarter|year|decade)"
_NOT_OF = r"(?! of(?!\w))"
_OF_WEEK = rf"(?:,? (?:of )?{WHICH} week)?"
_BACK_OR_ON = "(?P<which>last|past|previous|next|coming)"
_PART_OF_DAY = r"(?: (?:early |late )?(?:morning|afternoon|evening|night))?"

RELATIVE = tuple(
    by_now(pattern, meaning)
    for pattern, meaning in (
        (
            r"(?P<today>today|tonight|yesterday|tomorrow|last night"
            rf"|this (?:morning|afternoon|evening)){_PART_OF_DAY}{END}",
            _today,
        ),
        (rf"(?:the other (?:day|night)|recently|lately|in recent (?:days|weeks)){END}", _lately),
        (rf"{WEEKDAY}{_PART_OF_DAY}{_OF_WEEK}{END}", _weekday),
        (rf"{WHICH} week(?:['’]s)?(?: on)? {WEEKDAY}{_PART_OF_DAY}{END}", _weekday),
        (
            rf"(?:(?P<between>between )|from )?{WEEKDAY}"
            r"(?: ?[-–—] ?| (?(between)and|(?:to|until|till|through)) )"
            rf"(?P<through>{WEEKDAY_NAMES}){_OF_WEEK}{END}",
            _weekdays,
        ),
        (rf"{WHICH} {ANY_WEEKDAY}{_PART_OF_DAY}{END}", _which_weekday),
        (rf"(?:(?:the|these|this) )?{_BACK_OR_ON} {NUMBER} {UNIT}{END}{_NOT_OF}", _rolling),
        # "The last month" is the thirty days up to now, "last month" the one in the calendar.
        (
            rf"(?:(?:the|this) (?=last|past)|(?=past)){_BACK_OR_ON}(?P<number>)"
            rf" (?P<unit>week|month|quarter|year|decade){END}{_NOT_OF}",
            _rolling,
        ),
        (rf"(?:the |this (?=past))?{WHICH} {_UNIT}{END}{_NOT_OF}", _which_unit),
        (rf"the {_UNIT} (?P<side>before last|after next){END}", _two_away),
        (rf"(?:the )?(?P<edge>beginning|start|end) of the {_UNIT}{END}", _edge),
        (rf"(?:over|on|at|during) the weekend{END}{_NOT_OF}", _weekend),
        (rf"(?:the |this (?=past))?{WHICH} (?:{MONTH}|{SEASON}|{HOLIDAY}){END}", _recurring),
        (rf"(?P<half>half )?{NUMBER} {UNIT} (?:ago|back){END}", _ago),
    )
)
