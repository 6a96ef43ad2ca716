"""All that a question says, put together: it makes signals for ranking, never a filter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sophia_cli.memory.classify import classify
from sophia_cli.memory.model import Kind
from sophia_cli.memory.understanding.dates import Anchored, Span, spans_in
from sophia_cli.memory.understanding.people import guessed_people, in_first_person

# What stands further behind in a long text is not read for times: it is hardly a question.
_READ = 4_000
# How far the scores of the kinds must be apart for a question to speak of one of them.
_CLEARLY = 2


class Wanted(StrEnum):
    """What a question wants to hear."""

    WHEN = "when"
    WHERE = "where"
    WHO = "who"
    HOW_MANY = "how many"


_WANTED = (
    (
        Wanted.WHEN,
        re.compile(
            r"\bwhen\b|\b(?:what|which)\s+(?:date|day|month|year|time)\b|\bhow long ago\b"
            r"|\bsince when\b",
            re.IGNORECASE,
        ),
    ),
    (Wanted.WHERE, re.compile(r"\bwhere\b|\bwhich (?:city|country|place|town)\b", re.IGNORECASE)),
    (Wanted.WHO, re.compile(r"\bwho(?:m|se)?\b", re.IGNORECASE)),
    (Wanted.HOW_MANY, re.compile(r"\bhow (?:many|much|often|long|old)\b", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a question says.

    Attributes:
        people: first names of speakers that the store knows, lower case.
        guessed: what may be a person whom it does not know as a speaker.
        spans: the times it names, in order.
        wanted: what kind of answer it wants.
        kind: the kind of memory that its words speak for.
        embedded: the texts whose vectors, weighted and summed, stand for its meaning.
    """

    people: Sequence[str] = ()
    guessed: Sequence[str] = ()
    spans: Sequence[Span | Anchored] = ()
    wanted: frozenset[Wanted] = frozenset()
    kind: Kind | None = None
    embedded: Sequence[tuple[str, float]] = ()


@lru_cache(4096)
def speaks_of_time(text: str) -> bool:
    """Whether what a question says depends on the time of asking."""
    return bool(spans_in(text[:_READ], datetime(2000, 1, 1, tzinfo=UTC)))


def described(said: Understanding, spans: Sequence[Span]) -> dict[str, Any]:
    """What was understood, as `--explain` shows it; what the question says nothing of is left out.

    Args:
        spans: its times, those that hang on an event resolved.
    """
    times = [
        {
            "phrase": span.phrase,
            "from": None if span.start is None else span.start.isoformat(),
            "until": None if span.end is None else span.end.isoformat(),
            "any_year": span.yearly,
        }
        for span in spans
    ]
    found = {
        "people": list(said.people),
        "perhaps_people": list(said.guessed),
        "times": times,
        "wants": sorted(said.wanted),
        "kind": said.kind,
        "embedded": [text for text, _ in said.embedded],
    }
    return {name: value for name, value in found.items() if value}


def understand(text: str, now: datetime, people: Sequence[str]) -> Understanding:
    """Reads a question.

    Args:
        now: the time of asking; `last week` is relative to it.
        people: those of its words that are first names of known speakers, lower case.
    """
    if not speaks_of_time(text):
        return _timeless(text, tuple(people))
    return _read(text, spans_in(text[:_READ], now), people)


@lru_cache(4096)
def _timeless(text: str, people: tuple[str, ...]) -> Understanding:
    """What a question says that means the same whenever it is asked."""
    return _read(text, (), people)


def _read(text: str, spans: Sequence[Span | Anchored], people: Sequence[str]) -> Understanding:
    guessed = [] if people else guessed_people(text)
    return Understanding(
        people=people,
        guessed=guessed,
        spans=spans,
        wanted=frozenset(wanted for wanted, pattern in _WANTED if pattern.search(text)),
        kind=_kind(text),
        embedded=_embedded(text, people, guessed),
    )


def _embedded(
    text: str, people: Sequence[str], guessed: Sequence[str]
) -> Sequence[tuple[str, float]]:
    """In the first person for those who are known; for a guess both ways, in case it is wrong."""
    if people:
        return [(in_first_person(text, people), 1.0)]
    if guessed and (rewritten := in_first_person(text, guessed)) != text:
        return [(text, 1.0), (rewritten, 2.0)]
    return [(text, 1.0)]


def _kind(text: str) -> Kind | None:
    scores = classify(text).scores
    difference = scores[Kind.CODING] - scores[Kind.BUSINESS]
    if abs(difference) < _CLEARLY:
        return None
    return Kind.CODING if difference > 0 else Kind.BUSINESS
