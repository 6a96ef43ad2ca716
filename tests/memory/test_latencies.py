"""Percentiles from buckets beside numpy's from the values themselves; the last five minutes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from sophia_cli.memory.latencies import ERROR, LONGEST, SHORTEST, WINDOW, Latencies

PERCENTS = (50, 95, 99)
ROUNDED = 0.0005 + 1e-9
NOTHING = {"calls": 0, "p50_ms": None, "p95_ms": None, "p99_ms": None}


def noted(*values: float, now: float = 0.0) -> Latencies:
    latencies = Latencies()
    for value in values:
        latencies.note(value, now)
    return latencies


def assert_near(latencies: Latencies, values: ArrayLike, percent: int) -> None:
    exact = float(np.percentile(values, percent, method="inverted_cdf"))
    for summary in (latencies.since_start(), latencies.lately(0.0)):
        assert summary["calls"] == np.size(values)
        assert abs(summary[f"p{percent}_ms"] - exact) <= exact * ERROR + ROUNDED


@given(st.lists(st.floats(SHORTEST, LONGEST), min_size=1, max_size=300))
def test_a_percentile_is_within_the_stated_error_of_the_value_itself(values: list[float]) -> None:
    latencies = noted(*values)
    for percent in PERCENTS:
        assert_near(latencies, values, percent)


@pytest.mark.parametrize("percent", PERCENTS)
@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_so_it_is_over_many_values_as_latencies_are(spread: float, percent: int) -> None:
    values = np.random.default_rng(7).lognormal(1.0, spread, 20_000)
    assert_near(noted(*values.tolist()), values, percent)


@given(st.floats(SHORTEST, LONGEST))
def test_every_value_alone_is_known_to_the_stated_error(value: float) -> None:
    assert noted(value).since_start()["p50_ms"] == pytest.approx(value, ERROR + 1e-9, ROUNDED)


def test_what_is_too_short_or_too_long_counts_as_the_shortest_or_longest() -> None:
    for value, taken_for in ((0.0, SHORTEST), (-1.0, SHORTEST), (1e12, LONGEST)):
        told = noted(value).since_start()
        assert told["calls"] == 1
        assert told["p99_ms"] == pytest.approx(taken_for, 2 * ERROR, ROUNDED)


def test_nothing_noted_has_no_percentiles() -> None:
    assert Latencies().since_start() == Latencies().lately(0.0) == NOTHING


def test_after_five_minutes_only_the_start_remembers() -> None:
    latencies = Latencies()
    latencies.note(100.0, 1_000.0)
    latencies.note(5.0, 1_200.0)
    assert latencies.lately(1_200.0)["calls"] == 2
    assert latencies.lately(1_000.0 + WINDOW - 10.1)["calls"] == 2
    later = latencies.lately(1_000.0 + WINDOW)
    assert later["calls"] == 1
    assert later["p99_ms"] == pytest.approx(5.0, ERROR, ROUNDED)
    assert latencies.lately(1_200.0 + WINDOW) == NOTHING
    assert latencies.since_start()["calls"] == 2


def test_the_ring_is_used_anew() -> None:
    latencies = Latencies()
    for minute in range(60):
        latencies.note(1.0, minute * 60.0)
        assert latencies.lately(minute * 60.0)["calls"] == min(minute + 1, 5)
    assert latencies.since_start()["calls"] == 60
    assert latencies.lately(1e6) == NOTHING


@given(st.lists(st.floats(0, 3_000), min_size=1, max_size=60).map(sorted))
def test_the_window_holds_what_came_within_it(moments: list[float]) -> None:
    latencies = Latencies()
    for moment in moments:
        latencies.note(1.0, moment)
    now = moments[-1]
    within = sum(moment > now - (WINDOW - 10) for moment in moments)
    at_most = sum(moment > now - WINDOW for moment in moments)
    assert within <= latencies.lately(now)["calls"] <= at_most


def test_memory_is_bounded_whatever_is_noted() -> None:
    latencies = Latencies()
    for value in np.geomspace(1e-5, 1e9, 20_000).tolist():
        latencies.note(value, 0.0)
    assert len(latencies._ever) == 1_102


def test_a_histogram_counts_what_is_at_or_below_each_bound() -> None:
    latencies = noted(0.3, 0.3, 4.0, 90.0, 12_000.0)
    told = latencies.distribution([0.2, 0.5, 5.0, 100.0])
    assert told.below == (0, 2, 3, 4)
    assert told.calls == latencies.calls == 5
    assert told.total == pytest.approx(12_094.6)


@given(
    st.lists(st.floats(SHORTEST, LONGEST), max_size=200),
    st.lists(st.floats(SHORTEST, LONGEST), min_size=1, max_size=8, unique=True),
)
def test_a_histogram_is_wrong_only_about_what_lies_next_to_a_bound(
    values: list[float], bounds: list[float]
) -> None:
    bounds.sort()
    told = noted(*values).distribution(bounds)
    assert told.calls == len(values)
    for bound, below in zip(bounds, told.below, strict=True):
        least = sum(value <= bound * (1 - 2 * ERROR) for value in values)
        most = sum(value <= bound * (1 + 2 * ERROR) for value in values)
        assert least <= below <= most


def test_the_last_five_minutes_ten_seconds_each() -> None:
    latencies = Latencies()
    for now, value in ((5.0, 1.0), (295.0, 10.0), (296.0, 20.0), (301.0, 30.0)):
        latencies.note(value, now)
    told = latencies.slots(305.0, 99)
    assert len(told) == 30
    assert [each is not None for each in told] == [*[False] * 28, True, True]
    assert told[-2:] == pytest.approx([20.0, 30.0], ERROR)
