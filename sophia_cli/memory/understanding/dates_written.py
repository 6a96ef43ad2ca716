"""Dates as a calendar has them: `8 May 2023`, `May 2023`, `Q3`, `Christmas`, `the 90s`."""

from __future__ import annotations

import re
from datetime import date

from sophia_cli.memory.understanding.calendar_words import (
    DAY_END,
    DAY_NUMBER,
    END,
    LED_YEAR_END,
    LONE_YEAR_END,
    MONTH,
    OF_WEEKDAY,
    OF_YEAR,
    SEASON,
    YEAR_END,
    YEAR_NUMBER,
    month_number,
    place,
)
from sophia_cli.memory.understanding.holidays import HOLIDAY, holiday
from sophia_cli.memory.understanding.readings import by_year
from sophia_cli.memory.understanding.stretches import DAY, Stretch, days, months, part, season


def _numbers(found: re.Match[str], year: int) -> Stretch:
    """`2023-05-08`, `8/5/2023`: day first."""
    return days(date(year if year > 99 else 2000 + year, int(found["number"]), int(found["day"])))


def _day(found: re.Match[str], year: int) -> Stretch:
    return days(date(year, month_number(found["month"]), int(found["day"])))


def _days(found: re.Match[str], year: int) -> Stretch:
    """`3-9 May`."""
    month = month_number(found["month"])
    first, last = date(year, month, int(found["day"])), date(year, month, int(found["last"]))
    if last < first:
        raise ValueError(found[0])
    return Stretch(first, last + DAY)


def _month(found: re.Match[str], year: int) -> Stretch:
    return months(year, month_number(found["month"]))


def _number_of_month(found: re.Match[str], year: int) -> Stretch:
    return months(year, int(found["number"]))


def _season(found: re.Match[str], year: int) -> Stretch:
    return season(found["season"], year)


def _quarter(found: re.Match[str], year: int) -> Stretch:
    return part(months(year, 1, 12), place(found["part"]), 4)


def _half(found: re.Match[str], year: int) -> Stretch:
    return part(months(year, 1, 12), place(found["part"]), 2)


def _year(_: re.Match[str], year: int) -> Stretch:
    return months(year, 1, 12)


def _decade(_: re.Match[str], year: int) -> Stretch:
    """`the 1990s`, `the 90s`; the 20s are those of this century."""
    if year < 100:
        year += 1900 if year >= 30 else 2000
    return months(year, 1, 120)


def _holiday(found: re.Match[str], year: int) -> Stretch:
    return days(holiday(found["holiday"], year))


_TIME = r"(?:t[0-9:.]{2,20}(?:z|[+-][0-9:]{2,6})?)?"
_TO = r"(?: ?[-–—] ?| (?:to|until|till|through|and|&) )(?:the )?"
_LAST = r"(?P<last>[0-9]{1,2})(?:st|nd|rd|th)?"
_LED = "(?:(?:from|between) )?"
_IN_YEAR = rf"(?:{OF_YEAR}{YEAR_END}|{END})"
_IN_YEAR_AFTER_A_DAY = rf"(?:{OF_YEAR}{YEAR_END}|{DAY_END})"
# The others are verbs and first names too, and need a word in front that speaks of time.
_SURE_MONTH = "(?P<month>january|february|july|september|october|november|december)"
_OURS = "(?:the|our|my|your|their)"

# Dates wherever they stand.
WRITTEN = tuple(
    by_year(pattern, meaning)
    for pattern, meaning in (
        (
            rf"(?:the )?{YEAR_NUMBER}(?P<sep>[-/])(?P<number>[0-9]{{1,2}})(?P=sep)"
            rf"(?P<day>[0-9]{{1,2}}){_TIME}{END}(?!-)",
            _numbers,
        ),
        (
            r"(?P<day>[0-9]{1,2})(?P<sep>[-/.])(?P<number>[0-9]{1,2})(?P=sep)"
            rf"(?P<year>(?:19|20)[0-9]{{2}}|(?<=/)[0-9]{{2}})(?![-/]){END}",
            _numbers,
        ),
        (rf"{YEAR_NUMBER}-(?P<number>0[1-9]|1[0-2]){END}", _number_of_month),
        (rf"{OF_WEEKDAY}(?:the )?{DAY_NUMBER}(?: of)? {MONTH}{_IN_YEAR}", _day),
        (rf"{OF_WEEKDAY}{MONTH} (?:the )?{DAY_NUMBER}{_IN_YEAR_AFTER_A_DAY}", _day),
        (rf"{_LED}(?:the )?{DAY_NUMBER}{_TO}{_LAST}(?: of)? {MONTH}{_IN_YEAR}", _days),
        (rf"{_LED}{MONTH} (?:the )?{DAY_NUMBER}{_TO}{_LAST}{_IN_YEAR_AFTER_A_DAY}", _days),
        (rf"{MONTH}{OF_YEAR}{YEAR_END}", _month),
        (rf"{_SURE_MONTH}{END}", _month),
        # "The May numbers": only with a capital, or it were a lookalike.
        (rf"(?:(?<=the\s)|(?<=our\s)){MONTH}{END}(?= [a-z])(?! (?:of|on)(?!\w))", _month),
        (rf"(?:the )?{SEASON}{OF_YEAR}(?:[/-](?:20)?[0-9]{{2}})?{YEAR_END}", _season),
        (rf"q(?P<part>[1-4])(?!:){_IN_YEAR}", _quarter),
        (rf"q(?P<part>[1-4])[-/]{YEAR_NUMBER}{YEAR_END}", _quarter),
        (
            rf"(?:the )?(?P<part>first|second|third|fourth|[1-4](?:st|nd|rd|th)) quarter{_IN_YEAR}",
            _quarter,
        ),
        (rf"h(?P<part>[12]){OF_YEAR}{YEAR_END}", _half),
        (rf"(?:the )?year {YEAR_NUMBER}{YEAR_END}", _year),
        (rf"{_OURS} {YEAR_NUMBER}{LED_YEAR_END}", _year),
        (rf"(?:(?<=in\s)|(?<=since\s)|(?<=before\s)){YEAR_NUMBER}{LED_YEAR_END}", _year),
        (rf"(?<![0-9]\s){YEAR_NUMBER}{LONE_YEAR_END}", _year),
        (rf"(?:the )?(?P<year>(?:19|20)[0-9]0)s{END}", _decade),
        # Not "his late 20s".
        (
            r"(?:the |(?<=the\searly\s)|(?<=the\smid[\s-])|(?<=the\slate\s))['’]?"
            rf"(?P<year>[0-9]0)s{END}",
            _decade,
        ),
        (rf"{HOLIDAY}{_IN_YEAR}", _holiday),
    )
)
# Dates only where something in front speaks of time: "in May", "since spring".
BARE = (
    by_year(rf"{MONTH}{END}", _month),
    by_year(rf"(?:the )?{SEASON}{END}", _season),
)
