"""Weights found from questions whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from sophia_cli.memory.ranking.fit import Cases, Judged, fitted, losses
from sophia_cli.memory.ranking.signals import NAMES
from sophia_cli.memory.ranking.weights import Weights

NOTHING = Weights("nothing", {})


def _questions(count: int, truth: np.ndarray, seed: int = 3, size: int = 40) -> list[Judged]:
    """Questions whose right answer is drawn by the chances that `truth` gives the candidates."""
    chance = np.random.default_rng(seed)
    judged = []
    for _ in range(count):
        signals = chance.standard_normal((size, len(NAMES))).astype(np.float32)
        odds = np.exp(signals @ truth)
        right = np.zeros(size, bool)
        right[chance.choice(size, p=odds / odds.sum())] = True
        judged.append(Judged(signals, right))
    return judged


def _truth() -> np.ndarray:
    truth = np.zeros(len(NAMES))
    truth[[NAMES.index("dense"), NAMES.index("bm25_context"), NAMES.index("asks")]] = (
        1.5,
        0.7,
        -1.0,
    )
    return truth


def test_planted_weights_are_found() -> None:
    found = fitted(_questions(1500, _truth()), NOTHING, penalty=0.1)
    np.testing.assert_allclose(found, _truth(), atol=0.15)


def test_it_is_the_minimum() -> None:
    judged = _questions(60, _truth())
    best = fitted(judged, NOTHING)

    def cost(weights: np.ndarray) -> float:
        return float(losses(judged, weights).sum() + np.square(weights).sum() / 2)

    chance = np.random.default_rng(0)
    for _ in range(200):
        step = chance.standard_normal(len(NAMES)) * chance.choice([1e-3, 1e-2, 0.1, 1.0])
        assert cost(best + step) >= cost(best) - 1e-6


def test_few_questions_hardly_move_the_weights() -> None:
    start = Weights("start", {"dense": 2.0, "bm25_context": 1.0})
    moved = fitted(_questions(3, _truth()), start, penalty=30.0)
    assert np.abs(moved - start.vector).max() < 0.2


@pytest.mark.parametrize("strange", [1e3, 1e-6])
def test_signals_of_any_size_end_somewhere(strange: float) -> None:
    judged = [Judged(case.signals * strange, case.right) for case in _questions(30, _truth())]
    assert np.isfinite(fitted(judged, NOTHING)).all()


def test_questions_without_an_answer_say_nothing() -> None:
    start = Weights("start", {"dense": 1.0})
    nothing = Judged(np.ones((5, len(NAMES)), np.float32), np.zeros(5, bool))
    empty = Judged(np.empty((0, len(NAMES)), np.float32), np.zeros(0, bool))
    np.testing.assert_array_equal(fitted([nothing, empty], start), start.vector)
    assert len(losses([nothing, empty], start.vector)) == 0


def _signs(count: int, wrong: list[int], right: list[int], seed: int = 1) -> Judged:
    signals = np.random.default_rng(seed).standard_normal((count, len(NAMES))).astype(np.float32)
    marks = [np.isin(np.arange(count), places) for places in (right, wrong)]
    return Judged(signals, *marks)


def test_what_was_said_to_be_wrong_falls() -> None:
    case = _signs(20, wrong=[3, 4], right=[])
    start = Weights("start", {"dense": 1.0})
    moved = fitted([case], start)
    before, after = case.signals @ start.vector, case.signals @ moved
    for place in (3, 4):
        assert (after < after[place]).sum() <= (before < before[place]).sum()
    assert losses([case], moved)[0] < losses([case], start.vector.astype(float))[0]


def test_wrong_marks_say_nothing_more_where_what_is_right_is_known() -> None:
    known, told = _signs(20, wrong=[], right=[7]), _signs(20, wrong=[3], right=[7])
    np.testing.assert_array_equal(fitted([known], NOTHING), fitted([told], NOTHING))


def test_the_slope_is_that_of_the_losses() -> None:
    cases = Cases([_signs(20, [3], [], 1), _signs(12, [], [2, 5], 2), _signs(9, [1], [0], 3)])
    weights = np.random.default_rng(2).standard_normal(len(NAMES))
    gradient, _ = cases.slope(weights)
    for place in range(len(NAMES)):
        step = np.eye(len(NAMES))[place] * 1e-5
        numeric = (cases.losses(weights + step) - cases.losses(weights - step)).sum() / 2e-5
        assert gradient[place] == pytest.approx(numeric, abs=1e-4)


def test_when_all_candidates_are_wrong_nothing_is_learnt() -> None:
    case = _signs(5, wrong=[0, 1, 2, 3, 4], right=[])
    assert not case.says_something
    np.testing.assert_array_equal(fitted([case], NOTHING), NOTHING.vector)


def test_questions_of_any_size_are_stacked_without_touching_each_other() -> None:
    judged = [*_questions(5, _truth(), size=7), *_questions(5, _truth(), size=90)]
    weights = _truth()
    apart = [losses([case], weights)[0] for case in judged]
    np.testing.assert_allclose(losses(judged, weights), apart)
