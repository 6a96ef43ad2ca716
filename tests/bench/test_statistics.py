from __future__ import annotations

import numpy as np
import pytest

from sophia_cli.bench.statistics import bootstrapped, percentile, ratio_of_medians, thinned


@pytest.mark.parametrize(
    ("share", "count"), [(0.5, 6), (0.5, 40), (0.5, 500), (0.95, 100), (0.95, 500), (0.99, 500)]
)
def test_the_interval_of_a_percentile_holds_it_19_times_in_20(share: float, count: int) -> None:
    chance = np.random.default_rng(3)
    true = float(np.exp(np.quantile(chance.standard_normal(2_000_000), share)))
    trials, held = 1_500, 0
    for _ in range(trials):
        estimate = percentile(np.exp(chance.standard_normal(count)), share)
        assert estimate is not None
        assert estimate.low <= estimate.value <= estimate.high
        held += estimate.low <= true <= estimate.high
    assert 0.94 <= held / trials <= 0.99


@pytest.mark.parametrize(("share", "fewest"), [(0.5, 6), (0.95, 72), (0.99, 368)])
def test_too_few_samples_make_no_interval(share: float, fewest: int) -> None:
    assert percentile(range(fewest - 1), share) is None
    assert percentile(range(fewest), share) is not None


def test_the_interval_of_a_median_is_that_of_the_tables() -> None:
    """Hahn and Meeker: for n = 100 the 40th and the 61st of the ordered samples."""
    estimate = percentile(range(1, 101), 0.5)
    assert estimate is not None
    assert (estimate.low, estimate.high) == (40, 61)


def test_the_interval_of_a_ratio_holds_it_although_neighbours_resemble_each_other() -> None:
    chance = np.random.default_rng(5)
    trials, held = 120, 0
    for _ in range(trials):
        drift = np.repeat(np.exp(0.2 * chance.standard_normal(30)), 10)
        over = 3.0 * drift * np.exp(0.1 * chance.standard_normal(300))
        under = 2.0 * drift * np.exp(0.1 * chance.standard_normal(300))
        estimate = ratio_of_medians(over, under)
        held += estimate.low <= 1.5 <= estimate.high
    assert held / trials >= 0.9


def test_the_same_samples_give_the_same_interval() -> None:
    series = [np.arange(1.0, 90.0), np.arange(2.0, 91.0)]
    first = bootstrapped(lambda a, b: float(np.median(a) - np.median(b)), series)
    assert first == bootstrapped(lambda a, b: float(np.median(a) - np.median(b)), series)
    assert first.low <= first.value <= first.high


def test_a_rate_has_its_interval_the_other_way_round() -> None:
    estimate = percentile([*range(10, 30)], 0.5)
    assert estimate is not None
    rate = estimate.inverted(1000)
    assert rate.low < rate.value < rate.high
    assert rate.value == pytest.approx(1000 / estimate.value)


def test_thinned_samples_keep_their_ends_and_their_shape() -> None:
    kept = thinned(np.arange(10_001.0))
    assert (len(kept), kept[0], kept[100], kept[-1]) == (201, 0, 5_000, 10_000)
