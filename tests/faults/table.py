"""The table of docs/degraded.md, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "degraded.md"
_FIRST = ("tier", "fault", "waits once", "then")


@dataclass(frozen=True, slots=True)
class Row:
    """One tier with one fault.

    Attributes:
        once, then: how long a call may wait, as the page says it.
        outcomes: the outcome of each command.
    """

    tier: str
    fault: str
    once: str
    then: str
    outcomes: Mapping[str, str]


def rows() -> list[Row]:
    """All rows of the table."""
    header, *lines = _table("| tier |")
    assert header[:4] == list(_FIRST)
    return [Row(*line[:4], dict(zip(header[4:], line[4:], strict=True))) for line in lines]


def outcomes() -> dict[str, int]:
    """Each outcome that the page explains, and its exit code."""
    _, *lines = _table("| outcome |")
    return {name: int(code) for name, code, _ in lines}


def seconds(cell: str, values: Mapping[str, float]) -> float:
    """What a cell such as `3 s` or `` `a.b` + `c.d` `` comes to."""
    parts = [part.strip() for part in cell.split("+")]
    return sum(
        float(part.removesuffix(" s")) if part.endswith(" s") else values[part.strip("`")]
        for part in parts
    )


def _table(start: str) -> list[list[str]]:
    lines = PAGE.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(start))
    found = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        if not re.fullmatch(r"[|\-]+", line):
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found
