"""Plain text: paragraphs, merged up to a chunk."""

from __future__ import annotations

from collections.abc import Iterator

from sophia_cli.memory.model import Draft
from sophia_cli.reading.chunk import CHUNK, packed
from sophia_cli.reading.item import BadLine, Item, taken
from sophia_cli.reading.source import Source

# A run of lines without a blank one is cut here, so that no more than this is held.
_LONGEST_PARAGRAPH = 50 * CHUNK


def read_text(source: Source) -> Iterator[Item]:
    """One draft a chunk of paragraphs; a line that cannot be read stands between two chunks."""
    paragraphs: list[str] = []
    lines: list[str] = []
    first, held = 1, 0
    for line in source.lines():
        if line.fault is None and line.text.strip():
            lines.append(line.text)
            held += len(line.text)
            if held < _LONGEST_PARAGRAPH:
                continue
        if lines:
            paragraphs.append("\n".join(lines))
            lines = []
        if line.fault is not None or held >= _LONGEST_PARAGRAPH:
            yield from _chunks(source, first, paragraphs)
            paragraphs, first, held = [], line.number + 1, 0
        if line.fault is not None:
            yield BadLine(source.shown, line.number, line.fault)
    if lines:
        paragraphs.append("\n".join(lines))
    yield from _chunks(source, first, paragraphs)


def _chunks(source: Source, line: int, paragraphs: list[str]) -> Iterator[Item]:
    for chunk in packed(paragraphs):
        if chunk.strip():
            yield taken(source.shown, line, Draft(chunk, tags={"source": source.tag}))
