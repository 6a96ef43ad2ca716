"""Events that a question hangs a time on: `two days before the launch`, `during the outage`."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import timedelta
from typing import NamedTuple

from sophia_cli.memory.understanding.calendar_words import Phrase
from sophia_cli.memory.understanding.dates_joined import OFFSET, UNIT_OF_EVENT
from sophia_cli.memory.understanding.dates_relative import BEFORE, offset
from sophia_cli.memory.understanding.stretches import DAY

_NEAR = 3
_OPEN = 365
_MOST_WORDS = 10

_SIDE = Phrase(
    r"(?P<near>right |just |shortly |soon |immediately )?"
    r"(?P<side>before|after|since|until|till|prior(?= to)|during)(?: to)? "
)
_DETERMINER = Phrase(
    r"(?:the|our|my|your|his|her|their|its"
    r"|(?!(?:it|that|this|what|who|there|here|let|he|she)['’])\w{1,40}['’]s) (?=[^\W\d_])"
)
_NEXT_WORD = re.compile(r"\s{1,3}(?=\w)")
_WORD = re.compile(r"\w{1,60}(?:[-'’.&+/]\w{1,60}){0,6}")
# Where the words of the event are over, and the sentence goes on.
_LISTED = """
a about after agree agreed an and are as ask asked be because been before being but by can change
changed could decide decided did do does during else ever from get go goes got had happen happened
happens has have he how i if is it just me might must need not or said say says shall she should
since so tell than that then they this to told until us want was we went were what when where which
while who whom whose why will would you
"""
_SENTENCE = frozenset(_LISTED.split())
# These go on with the event, if more of it follows: "the meeting with Acme".
_LINKS = frozenset(("at", "for", "in", "of", "on", "the", "our", "my", "with", "your"))
# No events, when nothing more is said of them: "during the day", "before the end".
_UNITS = "day night morning afternoon evening week weekend month quarter year hour minute second"
_TIMES = frozenset((*_UNITS.split(), "time", "moment", "past", "fact", "beginning", "end"))


class Event(NamedTuple):
    """Words that hang a time on an event: where they end, where the event's own begin, and how far.

    `earliest` and `latest` (excluded) are counted from midnight of the event's day.
    """

    end: int
    begin: int
    earliest: timedelta
    latest: timedelta


def event_at(text: str, at: int, dates: Container[int]) -> Event | None:
    """The event that the words at `at` hang a time on.

    Args:
        text: without lookalikes.
        dates: where dates begin in it; none of them belongs to the event, but "the Easter party".
    """
    for pattern in (OFFSET, UNIT_OF_EVENT, _SIDE):
        found = pattern.match(text, at)
        end = found and _end(text, found.end(), dates)
        if found and end:
            return Event(end, found.end(), *_distance(found))
    return None


def _end(text: str, begin: int, dates: Container[int]) -> int | None:
    """Where the words of an event end; None if none begins here."""
    determiner = _DETERMINER.match(text, begin)
    if determiner is None or begin in dates:
        return None
    end, at = None, determiner.end()
    for _ in range(_MOST_WORDS):
        word = _WORD.match(text, at)
        if word is None or (end and at in dates):
            break
        if word[0] in _SENTENCE or word[0].endswith(("n't", "n’t")):
            break
        if word[0] not in _LINKS:
            end = word.end()
        gap = _NEXT_WORD.match(text, word.end())
        if gap is None:
            break
        at = gap.end()
    return None if text[determiner.end() : end] in _TIMES else end


def _distance(found: re.Match[str]) -> tuple[timedelta, timedelta]:
    groups = found.groupdict()
    side = groups["side"]
    if "near" not in groups:
        unit = groups.get("unit") or groups["the"]
        weekly = unit.endswith("day") and unit != "day"
        return offset(groups.get("number"), "week" if weekly else unit, side)
    if side == "during":
        return 0 * DAY, DAY
    reach = (_NEAR if groups["near"] else _OPEN) * DAY
    if side in (*BEFORE, "until", "till"):
        return -reach, 0 * DAY
    return 0 * DAY, reach
