"""Chat transcripts as text: one turn a draft, with its speaker, its time and its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Draft
from sophia_cli.memory.moments import parse_clock, parse_moment
from sophia_cli.memory.validation import LONGEST_CONTENT
from sophia_cli.reading.chat_line import Beginning, Style, beginning, style_of
from sophia_cli.reading.item import BadLine, Item, taken
from sophia_cli.reading.source import Source

_SESSION = r"(?P<session>(?:session|conversation|chat|meeting|part|day) [0-9]{1,6})"
_HEADING = re.compile(
    rf"[#=*_\s-]{{0,20}}(?:{_SESSION}\b)?[\s:,.(\[–—-]{{0,5}}(?P<date>.{{0,60}}?)[\s)\]#=*_-]{{0,20}}",
    re.IGNORECASE,
)
_LONGEST_HEADING = 100
_YEAR = re.compile(r"[0-9]{4}|[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2}")
_DATED = re.compile(r"[0-9]{1,4}[/.-]")
_MONTH_FIRST = re.compile(r"\b[0-9]{1,2}[/.-](?:1[3-9]|2[0-9]|3[01])[/.-][0-9]{2,4}\b")


def read_chat(source: Source, now: datetime, session: str | None = None) -> Iterator[Item]:
    """One draft a turn; lines that begin none belong to the turn before.

    The session is `session`, else the file's name; a heading `Session 3 - 8 May 2023` starts the
    session `<name> session 3`. Any heading that is a date dates the turns after it that have none
    of their own; a time without a date is of that day. Dates of numbers are day first, unless one
    at the beginning of the file can only be month first. A line that cannot be read keeps a turn's
    number, so that mending it moves no other.
    """
    head = source.head.decode("utf-8", "replace").splitlines()
    reading = _Reading(
        source,
        now,
        session or source.stem or "chat",
        style_of(head) or Style.PLAIN,
        any(_MONTH_FIRST.search(line[:40]) for line in head),
    )
    for line in source.lines():
        if line.fault is not None:
            yield from reading.end_turn()
            reading.skip_turn()
            yield BadLine(source.shown, line.number, line.fault)
            continue
        heading = reading.heading(line.text)
        if heading is not None:
            yield from reading.end_turn()
            reading.begin_session(*heading)
        elif begun := beginning(line.text, reading.style):
            yield from reading.end_turn()
            yield from reading.begin_turn(line.number, begun)
        else:
            yield from reading.go_on(line.number, line.text)
    yield from reading.end_turn()


@dataclass(slots=True)
class _Reading:
    """Where the reading of one transcript stands: the turn that is open, the session, the day."""

    source: Source
    now: datetime
    name: str
    style: Style
    month_first: bool
    session: str = ""
    day: datetime | None = None
    turns: dict[str, int] = field(default_factory=dict)
    line: int = 0
    speaker: str | None = None
    said_at: datetime | None = None
    words: list[str] = field(default_factory=list)
    length: int = 0

    def begin_turn(self, number: int, begun: Beginning) -> Iterator[Item]:
        self.line, self.speaker, self.said_at = number, begun.speaker, self.day
        self.words, self.length = [begun.text], len(begun.text)
        if begun.time is not None:
            try:
                self.said_at = self._time(begun.time)
            except InvalidInput as error:
                yield BadLine(self.source.shown, number, error.message, fatal=False)

    def go_on(self, number: int, text: str) -> Iterator[Item]:
        """Joins a line to the open turn; before the first turn it opens one without a speaker."""
        if not self.words:
            if text.strip():
                yield from self.begin_turn(number, Beginning(None, None, text))
        else:
            self.length += len(text) + 1
            # What is too long is refused as a whole: more of it need not be held.
            if self.length - len(text) <= LONGEST_CONTENT:
                self.words.append(text)

    def end_turn(self) -> Iterator[Item]:
        words, self.words = self.words, []
        if self.length > LONGEST_CONTENT:
            self.skip_turn()
            self.length = 0
            reason = f"the turn is longer than {LONGEST_CONTENT:,} characters"
            yield BadLine(self.source.shown, self.line, reason)
        elif any(text.strip() for text in words):
            session = self.session or self.name
            turn = self.turns.get(session, 0)
            self.skip_turn()
            draft = Draft(
                "\n".join(words),
                session=session,
                turn=turn,
                speaker=self.speaker,
                said_at=self.said_at,
                tags={"source": self.source.tag},
            )
            yield taken(self.source.shown, self.line, draft)

    def skip_turn(self) -> None:
        session = self.session or self.name
        self.turns[session] = self.turns.get(session, 0) + 1

    def heading(self, text: str) -> tuple[str | None, datetime | None] | None:
        """The session and the moment that a heading names; None where the line is no heading."""
        found = _HEADING.fullmatch(text) if len(text) <= _LONGEST_HEADING else None
        if found is None:
            return None
        session, written = found["session"], found["date"]
        if not written:
            return (session, None) if session else None
        # A time of day or `2 days ago` alone on a line is said, not a heading.
        if not _YEAR.search(written):
            return None
        try:
            return session, parse_moment(written, self.now, month_first=self.month_first)
        except InvalidInput:
            return None

    def begin_session(self, session: str | None, moment: datetime | None) -> None:
        if session is not None:
            self.session = f"{self.name} {session.lower()}"
            self.day = moment
        elif moment is not None:
            self.day = moment

    def _time(self, written: str) -> datetime | None:
        """When a turn was said: a whole moment, or a time on the day of the last heading."""
        if _DATED.match(written):
            self.day = parse_moment(written, self.now, month_first=self.month_first)
            return self.day
        return None if self.day is None else parse_clock(written, self.day)
