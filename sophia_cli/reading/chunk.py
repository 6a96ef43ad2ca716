"""Chunks: blocks of text brought to a length that the embedding model sees as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

CHUNK = 1_200
"""Characters; about the 256 tokens that MiniLM sees. What is behind them has no vector."""

# Where a block may be cut, best first: between lines, sentences, words.
_SEAMS = (re.compile(r"\n"), re.compile(r"(?<=[.!?;])\s"), re.compile(r"\s"))


def packed(blocks: Iterable[str], limit: int = CHUNK) -> Iterator[str]:
    """Merges small neighbours up to `limit` characters and cuts what is over it; loses no word."""
    held = ""
    for block in blocks:
        for piece in _cut(block, limit):
            if held and len(held) + 2 + len(piece) > limit:
                yield held
                held = piece
            else:
                held = f"{held}\n\n{piece}" if held else piece
    if held:
        yield held


def _cut(block: str, limit: int) -> Iterator[str]:
    while len(block) > limit:
        place = _seam(block, limit)
        yield block[:place].rstrip()
        block = block[place:].lstrip("\n ")
    if block:
        yield block


def _seam(block: str, limit: int) -> int:
    """Where to cut: at the best seam that leaves at least half of the limit."""
    for seam in _SEAMS:
        places = [found.end() for found in seam.finditer(block, 0, limit)]
        if places and places[-1] >= limit // 2:
            return places[-1]
    return limit
