"""How chat programs begin a turn in a text: `Ann: hi`, `[10:02] Ann: hi`, `<ann> hi` and so on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

_NAME = r"(?P<name>[^\W_][\w.'’@()+ -]{0,48}?)"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,6})?)?(?:[ \u202f]?[AaPp]\.?[Mm]\.?)?"
_DATE = r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}"
_STAMP = rf"(?P<time>(?:{_DATE}(?:,? |T))?{_CLOCK}(?:Z| ?[+-][0-9]{{2}}:?[0-9]{{2}})?)"
_MARKS = "\u200e\u200f"

_TIMED = tuple(
    re.compile(form)
    for form in (
        rf"\[{_STAMP}\] ?(?:<(?P<nick>[^<>\s]{{1,48}})>|{_NAME}:)(?: (?P<text>.*)|$)",
        rf"{_STAMP}(?: [-–])? (?:<(?P<nick>[^<>\s]{{1,48}})>|{_NAME}:)(?: (?P<text>.*)|$)",
        rf"{_NAME} ?[\[(]{_STAMP}[\])]:?(?: (?P<text>.*)|$)",
    )
)
# `01/05/2024, 10:00 - Ann added Bob`: nobody said it, but it is no part of the turn before.
_NOTICE = re.compile(rf"{_STAMP} [-–] (?P<text>.+)")
_PLAIN = (
    re.compile(r"<(?P<name>[^<>\s]{1,48})> (?P<text>.*)"),
    re.compile(rf"\*\*{_NAME}(?::\*\*|\*\*:)(?: (?P<text>.*)|$)"),
    re.compile(rf"{_NAME}:(?: (?P<text>.*)|$)"),
)
_MOST_WORDS_OF_A_NAME = 4
# What often stands before a colon and is nobody's name.
_NOT_NAMES = frozenset(
    word
    for line in (
        "note notes todo fixme warning warn error info debug trace fatal critical edit update ps",
        "http https example summary date time subject re fwd cc bcc to from author source title",
        "tags decision decisions action actions agenda attendees participants result results",
    )
    for word in line.split()
)


class Style(Enum):
    """How the turns of one transcript begin: with a time, or with the name alone."""

    TIMED = "timed"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first line of a turn. `speaker` is None for a notice of the program itself."""

    speaker: str | None
    time: str | None
    text: str


def beginning(line: str, style: Style) -> Beginning | None:
    """What the line begins, or None where it goes on with the turn before."""
    line = line.strip().lstrip(_MARKS)
    for form in _TIMED if style is Style.TIMED else _PLAIN:
        found = form.match(line)
        if found is None:
            continue
        parts = found.groupdict()
        name = (parts.get("nick") or parts.get("name") or "").strip()
        if is_name(name):
            return Beginning(name, parts.get("time"), (parts["text"] or "").lstrip(_MARKS))
    if style is Style.TIMED and (found := _NOTICE.fullmatch(line)):
        return Beginning(None, found["time"], found["text"])
    return None


def is_name(name: str) -> bool:
    """Whether it can be the name of who speaks, and is not `Note:` or a sentence."""
    return (
        bool(name)
        and name.lower() not in _NOT_NAMES
        and len(name.split()) <= _MOST_WORDS_OF_A_NAME
        and not name[-1].isspace()
    )


def style_of(lines: Iterable[str]) -> Style | None:
    """How turns begin in these lines, or None where they are no conversation.

    Timed, when a third of the lines begin a turn with a time. Plain, when half of them begin with
    a name and the names come back: a list of `key: value` is not a conversation.
    """
    plain: Counter[str] = Counter()
    lines = [line for line in lines if line.strip()]
    timed = sum(beginning(line, Style.TIMED) is not None for line in lines)
    if timed >= 2 and timed * 3 >= len(lines):
        return Style.TIMED
    for line in lines:
        begun = beginning(line, Style.PLAIN)
        if begun is not None and begun.speaker is not None:
            plain[begun.speaker] += 1
    turns = plain.total()
    if turns >= 3 and turns * 2 >= len(lines) and len(plain) * 3 <= turns * 2:
        return Style.PLAIN
    return None
