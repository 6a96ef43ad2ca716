"""The live view: the panels of the dashboard, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sophia_cli.memory.meters import Meters
from sophia_cli.memory.model import KINDS
from sophia_cli.memory.statistics import TIERS
from sophia_cli.monitoring import declarations as of
from sophia_cli.monitoring.declarations import Metric
from sophia_cli.monitoring.history import History
from sophia_cli.monitoring.sparkline import Sparkline
from sophia_cli.monitoring.warnings import Warned

_NOTHING = "-"
_STATES = {None: ("off", "dim"), 0.0: ("down", "bold red"), 1.0: ("up", "green")}
_MIB = 1 << 20
_LINES = frozenset(("p50", "p99", "hits", "recalls/s", "stored/s"))
_WORDS = frozenset(("", "5 min", "state", "cache"))


def page(title: str, history: History, meters: Meters, warned: Sequence[Warned]) -> RenderableType:
    """All panels, with what would fire above them."""
    parts: list[RenderableType] = [Text(title, style="dim"), *_alerts(warned), Text()]
    for table in (_latencies(history, meters), _caches(history), _kinds(history)):
        parts += [table, Text()] if table.row_count else []
    return Group(*parts, _machine(history))


def _alerts(warned: Sequence[Warned]) -> Iterator[Text]:
    if not warned:
        yield Text("no alert", style="green")
    for each in warned:
        yield Text.assemble((each.alert, "bold red"), " ", each.about)


def _latencies(history: History, meters: Meters) -> Table:
    """Recall and each tier over the last five minutes, ten seconds a bar."""
    table = _table("5 min", "state", "p50", "ms", "p99", "ms", "calls/s", "down for")
    medians, tails, told = meters.slots(50), meters.slots(99), meters.latencies()
    for name in ("recall", "remember", *TIERS):
        last = told.get(name, {}).get("last_5_minutes", {})
        is_tier = name in TIERS
        state, style = _STATES[history.now(of.TIER_UP, name)] if is_tier else ("", "")
        degraded = history.now(of.TIER_DEGRADED, name) if is_tier else None
        table.add_row(
            name,
            Text(state, style=style),
            Sparkline(medians.get(name, ()), log=True),
            _milliseconds(last.get("p50_ms")),
            Sparkline(tails.get(name, ()), log=True, style="magenta"),
            _milliseconds(last.get("p99_ms")),
            f"{last.get('calls', 0) / 300:,.1f}",
            f"{degraded:,.0f} s" if degraded else "",
        )
    return table


def _caches(history: History) -> Table:
    table = _table("cache", "hits", "now", "ever", "entries", "MiB", "evicted")
    for tier, what in dict.fromkeys(
        (tier, what) for tier, what, _ in history.labels(of.CACHE_LOOKUPS)
    ):
        hit, miss = (tier, what, "hit"), (tier, what, "miss")
        shares = history.shares(of.CACHE_LOOKUPS, hit, miss)
        hits, misses = (history.now(of.CACHE_LOOKUPS, *each) or 0.0 for each in (hit, miss))
        # The hot cache is told as a whole: beside what is asked of it first.
        kept = (tier, what if tier == "gpu_cache" or what != "answers" else "all")
        size = history.now(of.CACHE_BYTES, *kept)
        table.add_row(
            f"{tier} {what}",
            Sparkline(shares, style="green"),
            _share(next((each for each in reversed(shares) if each is not None), None)),
            _share(hits / (hits + misses) if hits + misses else None),
            _count(history.now(of.CACHE_ENTRIES, *kept)),
            _NOTHING if size is None else f"{size / _MIB:,.1f}",
            _count(history.now(of.CACHE_EVICTIONS, *kept)),
        )
    return table


def _kinds(history: History) -> Table:
    table = _table("", "recalls/s", "now", "stored/s", "now", "live", "points")
    for kind in (each.value for each in KINDS):
        recalls, stored = (history.rates(of.USAGE, kind, what) for what in ("recalls", "stored"))
        table.add_row(
            kind,
            Sparkline(recalls),
            _rate(recalls),
            Sparkline(stored, style="yellow"),
            _rate(stored),
            _count(history.now(of.MEMORIES, kind, "live")),
            _count(history.now(of.INDEX_POINTS, kind)),
        )
    owed, age = history.now(of.OUTBOX_ENTRIES), history.now(of.OUTBOX_AGE)
    table.add_row(
        "outbox",
        Sparkline(history.values(of.OUTBOX_ENTRIES), style="red"),
        _count(owed),
        Text("" if not owed or age is None else f"oldest {age:,.0f} s"),
    )
    return table


def _machine(history: History) -> Text:
    served = [
        f"{tier} {sum(filter(None, history.rates(of.RECALL_DURATION, tier)[-1:])):,.1f}/s"
        for (tier,) in history.labels(of.RECALL_DURATION)
    ]
    parts = [
        "served by " + (", ".join(served) or "none yet"),
        _free("disk", history, of.DISK_FREE, of.DISK_SIZE),
        _free("memory", history, of.MACHINE_FREE, of.MACHINE_MEMORY),
        *(
            _free(f"GPU {gpu}", history, of.GPU_USED, of.GPU_MEMORY, gpu, word="in use")
            for (gpu,) in history.labels(of.GPU_MEMORY)
        ),
    ]
    failed = sum(history.latest.get(of.OPERATION_FAILURES.name, {}).values())
    return Text(" · ".join(filter(None, [*parts, f"{failed:,.0f} failed"])), style="dim")


def _free(
    what: str, history: History, part: Metric, whole: Metric, *labels: str, word: str = "free"
) -> str:
    share, all_of_it = history.now(part, *labels), history.now(whole, *labels)
    return "" if share is None or not all_of_it else f"{what} {share / all_of_it:.0%} {word}"


def _table(*columns: str) -> Table:
    """Without frames. Where there is little room, the lines give way and the numbers stay."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(
            column,
            justify="left" if column in _WORDS or column in _LINES else "right",
            no_wrap=column not in _LINES,
        )
    return table


def _milliseconds(value: float | None) -> str:
    if value is None:
        return _NOTHING
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.0%}"


def _count(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:,.0f}"


def _rate(rates: Sequence[float | None]) -> str:
    return _NOTHING if not rates or rates[-1] is None else f"{rates[-1]:,.1f}"
