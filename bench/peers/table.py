"""The table of all rows, in Markdown as well as for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from peers.measuring import Row

_HEAD = (
    "",
    "turn R@5",
    "R@10",
    "session R@5",
    "R@10",
    "recall p50",
    "p95",
    "x embedding",
    "memories/s",
    "of embedding",
)


def lines(rows: Sequence[Row]) -> list[str]:
    """One line a row, under a head; times in milliseconds."""
    cells = [_HEAD, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    written = [_line(row, widths) for row in cells]
    rule = [("-" * (width + 1)) + (":" if place else "-") for place, width in enumerate(widths)]
    return [written[0], f"|{'|'.join(rule)}|", *written[1:]]


def _cells(row: Row) -> tuple[str, ...]:
    p50, p95 = row.recall_ms
    return (
        row.title,
        *(f"{100 * value:.1f}" for value in row.recall.values()),
        f"{p50:.1f}",
        f"{p95:.1f}",
        f"{p50 / row.embedding_ms[0]:.2f}",
        f"{row.ingest:,.0f}",
        f"{row.ingest / row.embedding:.2f}",
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if place else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"
