"""Stretches of whole days: weeks, months, seasons, their parts and neighbours."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

DAY = timedelta(days=1)
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_MONTHS_IN = {"month": 1, "quarter": 3, "year": 12, "decade": 120}


class Stretch(NamedTuple):
    """Whole days: `first`, and the day after the last one.

    Everything here raises ValueError or OverflowError where the calendar has no such day.
    """

    first: date
    after: date


def days(first: date, count: int = 1) -> Stretch:
    """`count` days from `first` on."""
    return Stretch(first, first + count * DAY)


def months(year: int, month: int = 1, count: int = 1) -> Stretch:
    """`count` whole months from the given one on."""
    first = date(year, month, 1)
    return Stretch(first, moved(first, count))


def season(name: str, year: int) -> Stretch:
    """A meteorological season of the northern hemisphere; winter is that of December `year`."""
    return months(year, _SEASONS[name], 3)


def week(day: date) -> Stretch:
    """The week of a day, from Monday on."""
    return days(day - day.weekday() * DAY, 7)


def weekend(day: date) -> Stretch:
    """The Saturday and Sunday that are nearest to a day."""
    return days(day + ((8 - day.weekday()) % 7 - 3) * DAY, 2)


def current(unit: str, day: date) -> Stretch:
    """The day, week, weekend (that of its week), month, quarter, year or decade of a day."""
    if unit in ("week", "weekend"):
        whole = week(day)
        return whole if unit == "week" else Stretch(whole.first + 5 * DAY, whole.after)
    if unit not in _MONTHS_IN:
        return days(day)
    length = _MONTHS_IN[unit]
    if unit == "decade":
        return months(day.year // 10 * 10, 1, length)
    return months(day.year, (day.month - 1) // length * length + 1, length)


def moved(day: date, count: int) -> date:
    """The same day `count` months on; the last of the month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    for number in range(day.day, day.day - 4, -1):
        try:
            return date(year, month + 1, number)
        except ValueError:
            continue
    raise ValueError(count)


def stepped(day: date, count: int, unit: str) -> date:
    """A day `count` units on: hours less than a day are none."""
    if unit in _MONTHS_IN:
        return moved(day, count * _MONTHS_IN[unit])
    return day + count * {"week": 7, "weekend": 7, "fortnight": 14}.get(unit, 1) * DAY


def part(stretch: Stretch, place: int, parts: int) -> Stretch:
    """One of equal parts, counted from 0: whole months where that comes out even, else days."""
    first, after = stretch
    length = (after.year - first.year) * 12 + after.month - first.month
    if first.day == after.day == 1 and length % parts == 0:
        length //= parts
        return Stretch(moved(first, place * length), moved(first, (place + 1) * length))
    if (after - first).days < parts:
        return stretch
    span = after - first
    return Stretch(first + place * span // parts, first + (place + 1) * span // parts)


def nth(stretch: Stretch, place: int, unit: str) -> Stretch:
    """The first (0), second (1), ... or last (-1) day, week, month, quarter or half of a stretch.

    Weeks are counted from the first day, not from a Monday.
    """
    if unit == "half":
        return part(stretch, place % 2, 2)
    first = stepped(stretch.first if place >= 0 else stretch.after, place, unit)
    found = Stretch(first, stepped(first, 1, unit))
    if found.first < stretch.first or found.after > stretch.after:
        raise ValueError(unit)
    return found


def nth_weekday(stretch: Stretch, place: int, weekday: int) -> Stretch:
    """The first (0), second (1), ... or last (-1) Monday (0), Tuesday (1), ... of a stretch."""
    first, after = stretch
    if place >= 0:
        day = first + ((weekday - first.weekday()) % 7 + 7 * place) * DAY
    else:
        day = after - ((after.weekday() - weekday - 1) % 7 + 1) * DAY
    if not first <= day < after:
        raise ValueError(weekday)
    return days(day)
