"""The statistics as a page for people: what is stored, each tier, and how long things took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sophia_cli.memory.statistics import TIERS
from sophia_cli.terminal import plain_table

if TYPE_CHECKING:
    from rich.console import RenderableType

_NOTHING = "-"
_LATELY = "last_5_minutes"
# Milliseconds from which on fractions are left out.
_ROUND = 100
# What the table of tiers has room for, and what is only for programs.
_IN_TABLES = frozenset(
    ("state", "bytes", "entries", "hit_rate", "evictions", "degraded_s", "latencies", "points")
)


def page(
    measured: Mapping[str, Any], title: str = "", degraded: Sequence[str] = ()
) -> RenderableType:
    """The whole page, under a line that says what it is and above what is degraded."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(title, style="dim"), Text()] if title else []
    for table in (_kinds(measured), _tiers(measured), _times(measured)):
        if table is not None:
            parts += [table, Text()]
    parts += [Text(line) for line in _lines(measured)]
    parts += [Text(f"degraded: {reason}") for reason in degraded]
    return Group(*parts)


def _kinds(measured: Mapping[str, Any]) -> RenderableType | None:
    memories = measured["memories"]
    if "error" in memories:
        return None
    names = ("live", "superseded", "expired", "forgotten")
    points, usage = measured["vectors"].get("points", {}), measured["usage"]
    return plain_table(
        *("kind", *names, "points", "recalls", "stored"),
        rows=[
            [
                kind,
                *(_count(counts[name]) for name in names),
                _count(points.get(kind)),
                _count(usage[kind].get("recalls", 0)),
                _count(usage[kind].get("stored", 0)),
            ]
            for kind, counts in memories.items()
        ],
    )


def _tiers(measured: Mapping[str, Any]) -> RenderableType:
    return plain_table(
        *("tier", "state", "size", "entries", "hit rate", "evictions", "down for"),
        rows=[
            [
                name,
                tier["state"],
                _size(tier["bytes"]),
                _count(tier["entries"]),
                _NOTHING if tier["hit_rate"] is None else f"{tier['hit_rate']:.1%}",
                _count(tier["evictions"]),
                f"{tier['degraded_s']:,.1f} s" if tier["degraded_s"] else "0 s",
            ]
            for name, tier in ((name, measured[name]) for name in TIERS)
        ],
    )


def _times(measured: Mapping[str, Any]) -> RenderableType | None:
    latencies = measured["latencies"] | {
        name: measured[name]["latencies"] for name in TIERS if measured[name]["latencies"]
    }
    if not latencies:
        return None
    return plain_table(
        *("ms", "calls", "p50", "p95", "p99", "last 5 min", "p50", "p95", "p99"),
        rows=[[name, *_row(each), *_row(each[_LATELY])] for name, each in latencies.items()],
    )


def _row(summary: Mapping[str, Any]) -> list[str]:
    percentiles = (summary[f"p{percent}_ms"] for percent in (50, 95, 99))
    return [
        _count(summary["calls"]),
        *(_NOTHING if value is None else _milliseconds(value) for value in percentiles),
    ]


def _milliseconds(value: float) -> str:
    return f"{value:.2f}" if value < _ROUND else f"{value:,.0f}"


def _lines(measured: Mapping[str, Any]) -> list[str]:
    named = {name: _pairs(measured[name]) for name in TIERS}
    named["recalls served by"] = _pairs(measured["served"]) or "none yet"
    named["process"] = _pairs(measured["process"])
    return [f"{name}: {pairs}" for name, pairs in named.items() if pairs]


def _pairs(values: Mapping[str, Any]) -> str:
    return " · ".join(
        f"{name} {_said(value)}"
        for name, value in values.items()
        if name not in _IN_TABLES and value is not None
    )


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{what} {counts['found']:,} of {counts['asked']:,}" for what, counts in value.items()
        )
    return str(value)


def _count(value: int | None) -> str:
    return _NOTHING if value is None else f"{value:,}"


def _size(value: int | None) -> str:
    return _NOTHING if value is None else f"{value / (1 << 20):,.1f} MiB"
