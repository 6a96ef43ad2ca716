"""Recall, MRR and nDCG of one answer, and how sure a mean of them is."""

from __future__ import annotations

import numpy as np
import pytest

from sophia_cli.memory.ranking.relevance import MEASURES, interval, measured


@pytest.mark.parametrize(
    ("hits", "right", "expected"),
    [
        ("1", 1, (1, 1, 1, 1, 1, 1)),
        ("", 1, (0, 0, 0, 0, 0, 0)),
        ("0001", 1, (0, 0, 1, 1, 1 / 4, 1 / np.log2(5))),
        ("0000000000111", 1, (0, 0, 0, 0, 0, 0)),
        ("101", 4, (1 / 4, 1 / 2, 1 / 2, 1 / 2, 1, (1 + 1 / 2) / 2.5616)),
        ("1111111111", 20, (1 / 20, 3 / 20, 5 / 20, 10 / 20, 1, 1)),
    ],
)
def test_the_measures_by_hand(hits: str, right: int, expected: tuple[float, ...]) -> None:
    found = measured([each == "1" for each in hits], right)
    assert found == pytest.approx(expected, abs=1e-4)
    assert len(found) == len(MEASURES)


def test_nine_of_ten_intervals_and_more_hold_the_true_share() -> None:
    """Coverage, on few questions and on a share near 1, where a plain bootstrap fails."""
    chance = np.random.default_rng(5)
    for count, share in ((8, 0.9), (30, 0.5), (60, 0.95)):
        held = 0
        for _ in range(200):
            low, high = interval((chance.random(count) < share).astype(float), 0, 1)
            held += low <= share <= high
        assert held >= 186, (count, share, held)  # 93 %


def test_what_was_always_found_is_not_certain() -> None:
    low, high = interval(np.ones(6), 0.0, 1.0)
    assert (0.4 < low < 0.8) and high == 1
    low, high = interval(np.ones(600), 0.0, 1.0)
    assert low > 0.99


def test_the_interval_is_repeatable_has_the_mean_and_one_column_a_measure() -> None:
    values = np.random.default_rng(1).random((40, 3))
    once = interval(values, 0, 1)
    np.testing.assert_array_equal(once, interval(values, 0, 1))
    assert once.shape == (2, 3)
    assert (once[0] <= values.mean(axis=0)).all() and (values.mean(axis=0) <= once[1]).all()


def test_two_lucky_questions_are_no_gain() -> None:
    gains = np.zeros(30)
    gains[:2] = 0.5
    assert interval(gains, -0.5, 0.5)[0] <= 0
    gains[:12] = 0.5
    assert interval(gains, -0.5, 0.5)[0] > 0
