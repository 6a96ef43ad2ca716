"""Fitting on few marked questions: real fits on made-up users."""

from __future__ import annotations

import numpy as np
import pytest

from sophia_cli.memory.ranking.fit import Judged
from sophia_cli.memory.ranking.signals import NAMES
from sophia_cli.memory.ranking.tuning import (
    DECIDES,
    FEWEST,
    Marked,
    Tuning,
    measured_with,
    tuned,
)
from sophia_cli.memory.ranking.weights import Weights

SHIPPED = Weights("shipped", {"dense": 1.5, "bm25_context": 1.0, "session": 0.5, "length": 0.3})
OTHER = {"dense": 0.2, "bm25_context": 0.2, "names": 2.0, "asks": -1.5}


def user(count: int, truth: dict[str, float], seed: int) -> list[Marked]:
    """Questions of a user whose right answers are drawn by the chances that `truth` gives them."""
    chance = np.random.default_rng(seed)
    weights = Weights("truth", truth).vector
    marked = []
    for _ in range(count):
        signals = chance.standard_normal((30, len(NAMES))).astype(np.float32)
        odds = np.exp(2 * signals @ weights)
        right = np.zeros(30, bool)
        right[chance.choice(30, p=odds / odds.sum())] = True
        marked.append(Marked(Judged(signals, right), 1))
    return marked


def gain(tuning: Tuning, unseen: list[Marked]) -> float:
    """Fitted less shipped, in nDCG on questions of the same user that were not marked."""
    fitted = np.array([tuning.weights[name] for name in NAMES])
    rows = [measured_with(unseen, each)[:, -1] for each in (fitted, SHIPPED.vector)]
    return float((rows[0] - rows[1]).mean())


def test_ten_marks_of_a_user_like_all_others_do_no_harm() -> None:
    found = []
    for seed in range(8):
        tuning = tuned(user(10, dict(SHIPPED.of), seed), SHIPPED)
        assert not tuning.is_real
        found.append(gain(tuning, user(300, dict(SHIPPED.of), 1000 + seed)))
    assert np.mean(found) > -0.01
    assert min(found) > -0.05


def test_a_user_like_all_others_is_not_switched() -> None:
    real = [
        tuned(user(60, dict(SHIPPED.of), seed), SHIPPED, seed=seed).is_real for seed in range(12)
    ]
    assert sum(real) <= 1


@pytest.mark.parametrize("count", [30, 100])
def test_a_user_who_differs_gains_and_is_told_so(count: int) -> None:
    tuning = tuned(user(count, OTHER, 3), SHIPPED)
    assert tuning.is_real
    assert tuning.gains[DECIDES].low > 0.05
    seen = gain(tuning, user(300, OTHER, 1003))
    assert seen > 0.15
    assert abs(tuning.gains[DECIDES].value - seen) < 0.15
    assert tuning.weights["names"] > 0.3 and tuning.weights["asks"] < -0.3


def test_with_too_few_marks_nothing_is_ever_switched() -> None:
    tuning = tuned(user(FEWEST - 1, OTHER, 4), SHIPPED)
    assert tuning.gains[DECIDES].value > 0.05
    assert not tuning.is_real


@pytest.mark.parametrize("count", [0, 1, 4])
def test_next_to_nothing_leaves_the_weights_as_they_are(count: int) -> None:
    tuning = tuned(user(count, OTHER, 5), SHIPPED)
    assert tuning.weights == pytest.approx({name: SHIPPED.of.get(name, 0.0) for name in NAMES})
    assert (tuning.questions, tuning.gains, tuning.is_real) == (count, {}, False)


def test_the_same_questions_give_the_same_weights() -> None:
    marked = user(40, OTHER, 6)
    assert tuned(marked, SHIPPED) == tuned(marked, SHIPPED)


def test_what_is_no_candidate_counts_against_both() -> None:
    nowhere = Marked(Judged(np.zeros((0, len(NAMES)), np.float32), np.zeros(0, bool)), 2)
    tuning = tuned([*user(30, OTHER, 7), *[nowhere] * 10], SHIPPED)
    assert (tuning.questions, tuning.unreached) == (40, 10)
    alone = tuned(user(30, OTHER, 7), SHIPPED)
    assert tuning.gains["MRR"].shipped == pytest.approx(0.75 * alone.gains["MRR"].shipped)


def test_wrong_marks_alone_teach_too() -> None:
    """A signal that shines only on what was marked wrong loses weight."""
    chance = np.random.default_rng(8)
    marked = []
    for _ in range(40):
        signals = chance.standard_normal((30, len(NAMES))).astype(np.float32)
        wrong = np.zeros(30, bool)
        wrong[int(signals[:, NAMES.index("length")].argmax())] = True
        marked.append(Marked(Judged(signals, np.zeros(30, bool), wrong), 0))
    tuning = tuned(marked, Weights("shipped", {"dense": 1.0, "length": 1.0}))
    assert tuning.weights["length"] < 0.95
    assert tuning.weights["dense"] == pytest.approx(1.0, abs=0.2)
    assert (tuning.questions, tuning.gains, tuning.is_real) == (0, {}, False)
