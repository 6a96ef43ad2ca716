"""What a text is like, whatever it says: whether it asks, how long it is, what it holds.

Counted once, when a memory is indexed. Recall weighs these against the question: a statement
answers better than a question does, and a "when" wants words of time.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MOST = 255
_LONGEST = 65_535
# Read no further: what comes behind changes no count that matters, and a text may be a megabyte.
_READ = 20_000

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_ASKS = re.compile(r"\?[!?\s\"'”’)\]]*\Z")
# What a sharing of pictures or links appends in brackets is not what was said.
_APPENDED = re.compile(r"\s*\[[^\[\]]*\]\s*\Z")
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = (
    r"(?:january|february|april|june|july|august|september|october|november|december"
    r"|(?:in|since|last) (?:march|may)|(?:march|may) (?=\d)|(?-i:March|May(?! I\b)))"
)
_UNIT = r"(?:second|minute|hour|day|week|month|year|decade)s?"
_TIMES = re.compile(
    rf"\b(?:yesterday|today|tonight|tomorrow|recently|lately|just|ago|since|weekend|{_DAY}"
    rf"|{_MONTH}|(?:19|20)\d\d|(?:last|next|this|past) (?:night|morning|week|month|year|quarter"
    rf"|summer|winter|spring|autumn|fall|{_DAY}|few)|for \w+ {_UNIT}|\w+ {_UNIT} ago)\b",
    re.IGNORECASE,
)
_NUMBERS = re.compile(
    r"\b(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twice|once"
    r"|couple|several|few|many|dozen)\b",
    re.IGNORECASE,
)
_NAMES = re.compile(r"(?<![.!?:\n] )(?<=\s)[A-Z][a-z]+")
_FIRST = re.compile(r"\b(?:i|i['’](?:m|ve|d|ll)|my|me|mine|we|we['’](?:re|ve|ll|d)|our|us)\b", re.I)


class Shape(NamedTuple):
    """Counts over one text, each as small as it is stored.

    Attributes:
        asks: 1 when it ends in a question.
        words: how many there are, 65,535 at most; the others end at 255.
        times: words of time: yesterday, last week, June, 2023, three days ago.
        numbers: figures, and numbers as words.
        names: words with a capital that begin no sentence.
        first: I, my, we.
    """

    asks: int
    words: int
    times: int
    numbers: int
    names: int
    first: int


def shape_of(text: str) -> Shape:
    """The shape of a memory's content."""
    asks = _ASKS.search(_APPENDED.sub("", text[-1000:])) is not None
    text = text[:_READ]
    counts = (
        min(sum(1 for _ in pattern.finditer(text)), _MOST)
        for pattern in (_TIMES, _NUMBERS, _NAMES, _FIRST)
    )
    words = min(sum(1 for _ in _WORD.finditer(text)), _LONGEST)
    return Shape(int(asks), words, *counts)
