"""Days that have a name of their own, and on which date they fall in a year."""

from __future__ import annotations

import re
from datetime import date, timedelta

from sophia_cli.memory.understanding.stretches import DAY, months, nth_weekday

HOLIDAY = (
    r"(?P<holiday>christmas eve|(?:christmas|xmas)(?: day)?|boxing day"
    r"|new year(?:['’]?s)? eve|new year(?:['’]?s)?(?: day)?"
    r"|(?:st\.? )?valentine(?:['’]?s)?(?: day)?"
    r"|(?:st\.? )?patrick['’]?s day|halloween|(?:the )?(?:4th|fourth) of july|independence day"
    r"|thanksgiving(?: day)?|black friday|good friday|easter(?: sunday| monday)?"
    r"|labou?r day|memorial day)"
)
_FIXED = {
    "christmas eve": (12, 24),
    "christmas": (12, 25),
    "xmas": (12, 25),
    "boxing": (12, 26),
    "new year eve": (12, 31),
    "new year": (1, 1),
    "valentine": (2, 14),
    "patrick": (3, 17),
    "halloween": (10, 31),
    "july": (7, 4),
    "independence": (7, 4),
}
_EASTER = {"good friday": -2, "easter monday": 1, "easter": 0}


def holiday(name: str, year: int) -> date:
    """The date of a holiday, named as HOLIDAY matches it; those of the United States by their law.

    Raises:
        ValueError: the year is out of the calendar.
    """
    plain = " ".join(re.sub(r"['’]s?|(?<=year)s", "", name).split())
    for known, (month, day) in _FIXED.items():
        if known in plain:
            return date(year, month, day)
    for known, offset in _EASTER.items():
        if known in plain:
            return _easter(year) + offset * DAY
    if plain.startswith("memorial"):
        return nth_weekday(months(year, 5), -1, 0).first
    if plain.startswith("lab"):
        return nth_weekday(months(year, 9), 0, 0).first
    thanksgiving = nth_weekday(months(year, 11), 3, 3).first
    return thanksgiving + DAY if plain.startswith("black") else thanksgiving


def _easter(year: int) -> date:
    """Easter Sunday: Meeus, Astronomical Algorithms, chapter 8."""
    century, rest = divmod(year, 100)
    golden = year % 19
    lunar = century - century // 4 - (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + lunar + 15) % 30
    to_sunday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * to_sunday) // 451
    return date(year, 3, 1) + timedelta(days=epact + to_sunday - 7 * late + 21)
