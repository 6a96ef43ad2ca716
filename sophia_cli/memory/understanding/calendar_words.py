"""The words of the calendar in English, as patterns for text in lower case, and what they count."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_NUMBERS = (
    *("one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)

_MONTH_NAMES = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
WEEKDAY_NAMES = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_WEEKDAY_SHORT = "(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)"
# The point of "Sept. 3", not that of a sentence.
MONTH = rf"(?P<month>{_MONTH_NAMES})(?:\.(?= ?[0-9,]))?"
WEEKDAY = rf"(?P<weekday>{WEEKDAY_NAMES})"
ANY_WEEKDAY = rf"(?P<weekday>{WEEKDAY_NAMES}|{_WEEKDAY_SHORT})"
OF_WEEKDAY = rf"(?:{WEEKDAY_NAMES},? (?:the )?|{_WEEKDAY_SHORT}\.?,? )?"
SEASON = r"(?P<season>spring|summer|autumn|fall|winter)"
DAY_NUMBER = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
YEAR_NUMBER = r"(?P<year>(?:19|20)[0-9]{2})"
YEAR = r"(?P<year>(?:19|20)[0-9]{2}|['’][0-9]{2}|(?:last|this|next) year)"
OF_YEAR = rf"(?:, ?| )(?:of |in )?{YEAR}"
ORDINAL = r"(?P<ordinal>first|second|third|fourth|fifth|1st|2nd|3rd|4th|5th|last|final)"
NUMBER = (
    rf"(?P<number>[0-9]{{1,4}}|an?|{'|'.join(_NUMBERS)}|(?:a )?couple(?: of)?|(?:a )?few|several)"
)
UNIT = (
    r"(?P<unit>second|minute|hour|day|night|morning|afternoon|evening|weekend|week|fortnight"
    r"|month|quarter|year|decade)s?"
)
WHICH = r"(?P<which>last|past|previous|this|current|next|coming|upcoming)"

# A number in front of one of these counts it: it is no year and no day of a month.
_MEASURES = (
    r"[kmgt]?b|[kmc]?m|ms|s|k?g|h|px|percent|usd|eur|euros?|dollars?|pounds?|bytes?|sec(?:ond)?s?"
    r"|min(?:ute)?s?|hours?|days?|weeks?|months?|years?|miles?|met(?:er|re)s?|times"
)
_COUNTED = (
    r"people|users?|seats?|points?|items?|customers?|requests?|rows?|files?|messages?|tokens?"
    r"|records?|vectors?|of (?:them|us|you|the)"
)
_NOT_PLURAL = r"was|has|does|this|its|less|plus|versus|across|always|vs|us|as|is"
_DATE_WORDS = rf"(?:{_MONTH_NAMES}|{WEEKDAY_NAMES}|{_WEEKDAY_SHORT}|(?:19|20)[0-9]{{2}})(?!\w)"
# Not within a longer word or number, an address or a version; "May-June" is two words.
END = rf"(?![\w%°€$£]| [%€$£]|[.,:/'’][0-9]|\.\w|[-–](?!{_DATE_WORDS})\w)"
DAY_END = rf"{END}(?! (?:{_MEASURES}|{_COUNTED})(?!\w))"
YEAR_END = rf"{END}(?! (?:{_MEASURES})(?!\w)| [0-9]{{3}})"
# Where "in" or "the" stands in front of it; and where nothing does: "2000 hits" are no year.
LED_YEAR_END = rf"{YEAR_END}(?! (?:{_COUNTED})(?!\w))"
LONE_YEAR_END = rf"{LED_YEAR_END}(?! (?!(?:{_NOT_PLURAL})(?!\w))[a-z]+s(?!\w))"

# Each text that names a time has one of these words, or a date in figures.
_CALENDAR = """
january february march april may june july august september october november december
jan feb mar apr jun jul aug sep sept oct nov dec
monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
spring summer autumn fall winter q1 q2 q3 q4 h1 h2 00s 10s 20s 30s 40s 50s 60s 70s 80s 90s
christmas xmas boxing valentine valentines patrick halloween independence thanksgiving easter
labor labour memorial today tonight yesterday tomorrow lately recently recent
second minute hour day night morning afternoon evening weekend week fortnight month quarter year
seconds minutes hours days nights mornings afternoons evenings weekends weeks fortnights months
quarters years decade decades before after since until till during following prior
"""
_YEARS = (str(year) for year in range(1900, 2100))
_DECADES = (f"{year}s" for year in range(1900, 2100, 10))
_KEYS = frozenset((*_CALENDAR.split(), *_YEARS, *_DECADES))
# The other words that a phrase about time may begin with.
_BEGINNINGS = """
a an the one two three four five six seven eight nine ten eleven twelve couple few several
first third fourth fifth last final past previous this these current next coming upcoming our my
your their very early mid late beginning start middle end half in on at of for from over within
around throughout between by up through starting right just shortly soon immediately new st good
black
"""
_OPENERS = _KEYS.union(_BEGINNINGS.split())
_WORD = re.compile(r"[a-z0-9]+")
_FIGURES = re.compile(r"[0-9]/[0-9]{1,2}/[0-9]")


class Phrase:
    """A pattern in which each space stands for up to three white characters.

    It is compiled when it is first needed. All of them take a fifth of a second, which a process
    that is asked for no time can do without.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    @cached_property
    def match(self) -> Callable[[str, int], re.Match[str] | None]:
        """`match` of the compiled pattern."""
        spaced = self._pattern.replace(" ?", r"\s{0,3}").replace(" ", r"\s{1,3}")
        return re.compile(spaced).match


def may_name_a_time(text: str) -> bool:
    """Whether a text is worth reading: false where it has no word of the calendar."""
    plain = text.lower()
    return not _KEYS.isdisjoint(_WORD.findall(plain)) or bool(_FIGURES.search(plain))


def may_begin(plain: str, at: int) -> bool:
    """Whether a phrase about time may begin at `at`, a cheap look at its first word."""
    word = _WORD.match(plain, at)
    return word is not None and (word[0] in _OPENERS or word[0][0].isdigit())


def month_number(name: str) -> int:
    """1 for `january` or `jan`."""
    return _MONTHS.index(name[:3]) + 1


def weekday_number(name: str) -> int:
    """0 for `monday` or `mon`."""
    return _WEEKDAYS.index(name[:3])


def place(ordinal: str) -> int:
    """0 for `first` or `1st`, -1 for `last` or `final`."""
    if ordinal[0].isdigit():
        return int(ordinal[0]) - 1
    return _ORDINALS.index(ordinal) if ordinal in _ORDINALS else -1


def counted(number: str) -> tuple[int, int]:
    """The least and the most that a number may mean: two or three for `a couple of`."""
    words = number.split()
    word = words[1] if words[0] == "a" and len(words) > 1 else words[0]
    if word.isdigit():
        return int(word), int(word)
    if word in _NUMBERS:
        return _NUMBERS.index(word) + 1, _NUMBERS.index(word) + 1
    return {"couple": (2, 3), "few": (2, 5), "several": (3, 7)}.get(word, (1, 1))
