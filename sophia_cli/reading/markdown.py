"""Markdown: chunks along its structure, each with the path of headings that it stands under."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Draft
from sophia_cli.memory.moments import parse_moment
from sophia_cli.reading.chat_line import Beginning, Style, beginning
from sophia_cli.reading.chunk import CHUNK, packed
from sophia_cli.reading.front_matter import MOST_LINES, FrontMatter, parse_front_matter
from sophia_cli.reading.item import BadLine, Item, taken
from sophia_cli.reading.source import Line, Source

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_BULLET = re.compile(r"\A[ \t]*(?:[-*+]|[0-9]{1,3}[.)])[ \t]+")
_LONGEST_HEADING = 200
_DAY = re.compile(r"(?<![0-9])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
# A section without a heading inside is put out in parts, so that no more than this is held.
_LONGEST_SECTION = 50 * CHUNK


def read_markdown(source: Source, now: datetime) -> Iterator[Item]:
    """One draft a chunk, with `Architecture > Storage` as its first line.

    Paragraphs, lists and code fences stay whole up to the length of a chunk, and small neighbours
    of one section share one. Where most lines of a section begin with a name (`Ann: ...`), each is
    a draft with its speaker and its place in the session, which has the file's name. Front matter
    gives the title, author, date and tags; without a date there, a day such as 2024-05-01 in a
    heading above or in the file's name is taken.
    """
    lines = source.lines()
    page = _Page(source, now)
    for line in _after_front_matter(page, lines, now):
        if line.fault is not None:
            yield from page.end_section()
            yield BadLine(source.shown, line.number, line.fault)
            continue
        if page.held > _LONGEST_SECTION:
            yield from page.end_section()
        heading = page.take(line)
        if heading is not None:
            yield from page.end_section(next_level=heading[0])
            page.begin_section(*heading, line.number)
    yield from page.end_section(next_level=0)


def _after_front_matter(page: _Page, lines: Iterator[Line], now: datetime) -> Iterator[Line]:
    """The lines of the text itself, and a note where the front matter cannot be read."""
    front: list[Line] = []
    for line in lines:
        front.append(line)
        closed = line.text.rstrip() in ("---", "...") and len(front) > 1
        if closed or line.fault or front[0].text.rstrip() != "---" or len(front) > MOST_LINES:
            break
    else:
        closed = False
    if not (front and closed and front[0].text.rstrip() == "---"):
        yield from front
    else:
        try:
            page.front = parse_front_matter("\n".join(line.text for line in front[1:-1]), now)
        except InvalidInput as error:
            page.note = BadLine(page.source.shown, 1, error.message, fatal=False)
    yield from lines


@dataclass(slots=True)
class _Page:
    """Where the reading of one file stands: the headings above, the blocks of this section."""

    source: Source
    now: datetime
    front: FrontMatter = field(default_factory=FrontMatter)
    note: BadLine | None = None
    path: list[tuple[int, str]] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    block: list[str] = field(default_factory=list)
    fence: str = ""
    first: int = 1
    held: int = 0
    turns: int = 0
    said: bool = True  # whether the last heading stands in a draft already

    def take(self, line: Line) -> tuple[int, str] | None:
        """Takes one line in; returns (level, title) where it is a heading instead."""
        text = line.text
        if self.fence:
            self.block.append(text)
            closing = text.strip()
            if closing.startswith(self.fence) and not closing.strip(self.fence[0]):
                self._end_block()
            self.held += len(text) + 1
            return None
        if not text.strip():
            self._end_block()
            return None
        found = _HEADING.fullmatch(text) if len(text) <= _LONGEST_HEADING else None
        if found is not None and found[2]:
            return len(found[1]), found[2]
        under = _UNDERLINE.fullmatch(text)
        if under is not None and len(self.block) == 1 and len(self.block[0]) <= _LONGEST_HEADING:
            self.held -= len(self.block[0]) + 1
            return (1 if under[1][0] == "=" else 2), self.block.pop().strip()
        fence = _FENCE.match(text)
        if fence is not None:
            self._end_block()
            self.fence = fence[1]
        self.block.append(text)
        self.held += len(text) + 1
        return None

    def begin_section(self, level: int, title: str, number: int) -> None:
        """Goes on under another heading."""
        self.path = [above for above in self.path if above[0] < level] + [(level, title)]
        self.first, self.said = number, False

    def end_section(self, next_level: int | None = None) -> Iterator[Item]:
        """Puts out what is held. A heading with nothing under it is a draft of its own.

        Args:
            next_level: that of the heading that comes now, 0 at the end, None within a section.
        """
        if self.note is not None:
            yield self.note
            self.note = None
        fence = self.fence
        self._end_block()
        blocks, self.blocks, self.held = self.blocks, [], 0
        # A fence that is cut in two by the limit goes on being one.
        self.fence = fence if next_level is None else ""
        path = self._path()
        turns = _turns(blocks)
        if turns:
            for turn in turns:
                yield self._draft(path, turn.text, turn.speaker, self.turns)
                self.turns += 1
        else:
            for chunk in packed(blocks, max(CHUNK - len(path) - 1, CHUNK // 2)):
                if chunk.strip():
                    yield self._draft(path, chunk)
        leaf = next_level is not None and (not self.path or next_level <= self.path[-1][0])
        if not blocks and leaf and not self.said:
            yield self._draft("", path)
        self.said = self.said or bool(blocks)

    def _end_block(self) -> None:
        if self.block:
            self.blocks.append("\n".join(self.block))
            self.block = []
        self.fence = ""

    def _path(self) -> str:
        titles = [title for _, title in self.path]
        if self.front.title and self.front.title not in titles:
            titles.insert(0, self.front.title)
        return " > ".join(titles)

    def _day(self) -> datetime | None:
        """The day that the nearest heading or the file's name gives."""
        for title in (*(title for _, title in reversed(self.path)), self.source.stem):
            if found := _DAY.search(title):
                with contextlib.suppress(InvalidInput):
                    return parse_moment(found[0], self.now)
        return None

    def _draft(
        self, path: str, text: str, speaker: str | None = None, turn: int | None = None
    ) -> Item:
        draft = Draft(
            f"{path}\n{text}" if path else text,
            session=None if turn is None else self.source.stem or "notes",
            turn=turn,
            speaker=speaker or self.front.author,
            said_at=self.front.date or self._day(),
            tags={**self.front.tags, "source": self.source.tag},
        )
        return taken(self.source.shown, self.first, draft)


def _turns(blocks: list[str]) -> list[Beginning]:
    """The turns of a section in which most lines begin with a name; else none."""
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    if any(_FENCE.match(block) for block in blocks):
        return []
    begun = [beginning(_BULLET.sub("", line, count=1), Style.PLAIN) for line in lines]
    if len(lines) < 2 or sum(turn is not None for turn in begun) * 2 <= len(lines):
        return []
    turns: list[Beginning] = []
    for line, turn in zip(lines, begun, strict=True):
        if turn is not None:
            turns.append(turn)
        elif turns:
            last = turns[-1]
            turns[-1] = Beginning(last.speaker, last.time, f"{last.text}\n{line.strip()}")
        else:
            turns.append(Beginning(None, None, line))
    return turns
