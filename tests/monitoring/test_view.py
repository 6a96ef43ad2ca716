"""The live view: what it remembers, what it warns of, and how it fits a terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pytest
from rich.console import Console as RichConsole

from sophia_cli.memory.meters import Meters
from sophia_cli.memory.trace import Trace
from sophia_cli.monitoring import declarations as of
from sophia_cli.monitoring.collector import Sample
from sophia_cli.monitoring.declarations import Metric
from sophia_cli.monitoring.history import History
from sophia_cli.monitoring.sparkline import Sparkline
from sophia_cli.monitoring.thresholds import Thresholds
from sophia_cli.monitoring.view import page
from sophia_cli.monitoring.warnings import Warned, firing

Values = Mapping[tuple[Metric, tuple[str, ...]], float]
HIT = (of.CACHE_LOOKUPS, ("gpu_cache", "answers", "hit"))
MISS = (of.CACHE_LOOKUPS, ("gpu_cache", "answers", "miss"))
FAILED = (of.OPERATION_FAILURES, ("recall", "tier_down"))
USED = (of.USAGE, ("coding", "recalls"))


def seen(*looks: Values, every: float = 60.0) -> History:
    """What a view remembers of looks a minute apart."""
    history = History()
    for number, values in enumerate(looks):
        samples: dict[str, list[Sample]] = {}
        for (metric, labels), value in values.items():
            samples.setdefault(metric.name, []).append((metric, labels, value))
        history.add(number * every, samples)
    return history


def alerts(history: History, p99: float | None = None) -> set[str]:
    return {each.alert for each in firing(history, p99, Thresholds())}


def test_rates_are_those_between_two_looks() -> None:
    history = seen({USED: 10}, {USED: 70}, {USED: 70}, {USED: 30})
    assert history.rates(*_flat(USED)) == [1.0, 0.0, 0.5]  # the last one began anew
    assert history.rates(of.USAGE, "business", "recalls") == [None, None, None]


def test_a_hit_rate_is_of_what_was_asked_meanwhile() -> None:
    history = seen({HIT: 5, MISS: 5}, {HIT: 8, MISS: 6}, {HIT: 8, MISS: 6}, {HIT: 9, MISS: 6})
    assert history.shares(of.CACHE_LOOKUPS, HIT[1], MISS[1]) == [0.75, None, 1.0]


def test_a_view_remembers_a_bounded_past() -> None:
    history = seen(*({USED: number} for number in range(1000)), every=1.0)
    assert len(history.rates(*_flat(USED))) == 299
    assert history.grown(*_flat(USED), seconds=10.0) == (10.0, 10.0)


@pytest.mark.parametrize(
    ("looks", "p99", "warned"),
    [
        ([{(of.TIER_UP, ("records",)): 1}], None, set()),
        ([{(of.TIER_UP, ("records",)): 0}], None, {"SophiaTierDown"}),
        ([{(of.TIER_UP, ("hot_cache",)): 0}], None, {"SophiaCacheDown"}),
        ([{}], 0.1, set()),
        ([{}], 0.3, {"SophiaRecallSlow"}),
        ([{(of.OUTBOX_AGE, ()): 301}], None, {"SophiaOutboxOld"}),
        ([{(of.OUTBOX_ENTRIES, ()): 5000}], None, set()),
        (
            [{(of.OUTBOX_ENTRIES, ()): 900}, {(of.OUTBOX_ENTRIES, ()): 5000}],
            None,
            {"SophiaOutboxGrowing"},
        ),
        (
            [{(of.TIER_DEGRADED, ("vectors",)): 0}, {(of.TIER_DEGRADED, ("vectors",)): 30}],
            None,
            {"SophiaDegraded"},
        ),
        ([{FAILED: 3}], None, set()),
        ([{}, {FAILED: 1}], None, {"SophiaFailing"}),
        ([{}, {(of.OPERATION_FAILURES, ("update", "not_found")): 9}], None, set()),
        ([{HIT: 900, MISS: 100}, {HIT: 910, MISS: 300}], None, {"SophiaHitRateCollapsed"}),
        ([{HIT: 900, MISS: 100}, {HIT: 1100, MISS: 150}], None, set()),
        ([{HIT: 900, MISS: 100}, {HIT: 900, MISS: 120}], None, set()),
        ([{(of.DISK_FREE, ()): 5, (of.DISK_SIZE, ()): 100}], None, {"SophiaDiskFull"}),
        (
            [{(of.MACHINE_FREE, ()): 5, (of.MACHINE_MEMORY, ()): 100}],
            None,
            {"SophiaMemoryLow"},
        ),
    ],
)
def test_what_would_fire_is_told(looks: list[Values], p99: float | None, warned: set[str]) -> None:
    assert alerts(seen(*looks), p99) == warned


def test_a_sparkline_is_as_wide_as_there_is_room() -> None:
    line = Sparkline([0, 1, 2, None, 8])
    assert line.bars(5) == "▁▂▃ █"
    assert line.bars(8) == "   ▁▂▃ █"
    assert line.bars(2) == " █"
    assert Sparkline([None, None]).bars(3) == "   "
    assert Sparkline([0, 0]).bars(2) == "▁▁"
    assert Sparkline([1, 10, 100], log=True).bars(3) == "▁▅█"


@pytest.mark.parametrize("width", [40, 70, 200])
def test_lines_give_way_before_numbers_where_there_is_little_room(width: int) -> None:
    meters = Meters()
    for _ in range(50):
        with meters.measure("recall", Trace(served_by="vectors")):
            pass
    history = seen({HIT: 1, MISS: 2, USED: 3}, {HIT: 100, MISS: 20, USED: 9})
    warned = [Warned("SophiaDegraded", "vectors was missing 12% of the time")]
    out = io.StringIO()
    RichConsole(file=out, width=width, force_terminal=True, color_system=None).print(
        page("12:00:00 UTC", history, meters, warned)
    )
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert any("SophiaDegraded" in line for line in lines)
    if width >= 70:
        assert any(line.startswith("gpu_cache answers ") and "83%" in line for line in lines)
        assert "…" not in out.getvalue()


def _flat(key: tuple[Metric, tuple[str, ...]]) -> tuple[Metric, *tuple[str, ...]]:
    return key[0], *key[1]
