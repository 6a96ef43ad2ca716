"""Weights fitted on questions whose right answers are known.

The loss of one question is the mean over its right candidates of `-log softmax(score)`: how
surprised the ranking is by what was right (ListNet's top-one probability, Cao et al. 2007). It is
convex, so that Newton's method finds the one minimum, in milliseconds. A penalty keeps the weights
near those they start from; with few questions they hardly move.

Of a question of which only wrong candidates are known, the right one is anybody's guess: its loss
is `-log (1 - the chance that softmax gives the wrong ones)`. Where a right one is known too, the
wrong ones are among those it must beat already, and say nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.ranking.signals import NAMES
from sophia_cli.memory.ranking.weights import Weights

PENALTY = 1.0
"""How strongly weights are held where they start: as much as one question, for a step of 1."""

_STEPS = 50
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Judged:
    """One question's candidates.

    Attributes:
        signals: float32, (n, len(NAMES)), as `rank.signals_of` gives them.
        right: bool, (n,): which of them answer it.
        wrong: bool, (n,): which of them were said not to; None where nobody said so.
    """

    signals: NDArray[np.float32]
    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_] | None = None

    @property
    def says_something(self) -> bool:
        """Whether weights can be learnt from it."""
        return bool(self.right.any()) or (
            self.wrong is not None and bool(self.wrong.any()) and not self.wrong.all()
        )


class Cases:
    """Questions stacked up, so that all are weighed at once: those that say something.

    Args:
        judged: n questions.
    """

    def __init__(self, judged: Sequence[Judged]) -> None:
        judged = [case for case in judged if case.says_something]
        widest = max((len(case.right) for case in judged), default=0)
        shape = (len(judged), widest)
        self.signals = np.zeros((*shape, len(NAMES)))
        self._outside = np.full(shape, -np.inf)  # added to a score: what is no candidate
        self._not_right = np.full(shape, -np.inf)  # ... or known to be wrong
        self._share = np.zeros(shape)  # of each right candidate in its question
        for place, case in enumerate(judged):
            count = len(case.right)
            self.signals[place, :count] = case.signals
            self._outside[place, :count] = 0
            if case.right.any():
                self._share[place, :count] = case.right / case.right.sum()
            elif case.wrong is not None:
                self._not_right[place, :count] = np.where(case.wrong, -np.inf, 0)
        self._guessed = ~self._share.any(axis=1)

    def __len__(self) -> int:
        return len(self.signals)

    def losses(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The loss of each question: nats, (n,)."""
        scores = self.signals @ weights
        reached = (self._share * scores).sum(axis=1)
        if self._guessed.any():
            reached[self._guessed] = _log_sum((scores + self._not_right)[self._guessed])
        return np.asarray(_log_sum(scores + self._outside) - reached)

    def slope(
        self, weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The gradient of the summed loss, (k,), and its curvature, (k, k).

        The curvature is that of its convex part: the whole of it, but for guessed questions, where
        it is an upper bound, so that a step along it does not overshoot.
        """
        scores = self.signals @ weights
        chance = _chances(scores + self._outside)
        target = self._share.copy()
        if self._guessed.any():
            target[self._guessed] = _chances((scores + self._not_right)[self._guessed])
        expected = (chance[:, None, :] @ self.signals)[:, 0]
        gradient = expected.sum(axis=0) - np.tensordot(target, self.signals, ((0, 1), (0, 1)))
        spread = np.tensordot(self.signals * chance[:, :, None], self.signals, ((0, 1), (0, 1)))
        return gradient, spread - expected.T @ expected


def fitted(
    judged: Sequence[Judged] | Cases,
    start: Weights | NDArray[np.float64],
    penalty: float | NDArray[np.float64] = PENALTY,
    first: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """The weights that make what was right least surprising: float64, (len(NAMES),).

    Questions that say nothing are passed over.

    Args:
        start: what the weights are held to.
        penalty: how strongly; one number, or one a signal.
        first: where the search begins, e.g. the weights of another penalty; None: at the start.
    """
    cases = judged if isinstance(judged, Cases) else Cases(judged)
    origin = start.vector.astype(np.float64) if isinstance(start, Weights) else start
    held = np.broadcast_to(np.asarray(penalty, np.float64), origin.shape)

    def cost(weights: NDArray[np.float64]) -> float:
        return float((held * np.square(weights - origin)).sum() / 2 + cases.losses(weights).sum())

    weights = origin if first is None else first
    reached = cost(weights)
    for _ in range(_STEPS if len(cases) else 0):
        gradient, curvature = cases.slope(weights)
        step = np.linalg.solve(curvature + np.diag(held), gradient + held * (weights - origin))
        # Far from the minimum a whole step may overshoot it.
        while (tried := cost(weights - step)) > reached and np.abs(step).max() > _CLOSE:
            step /= 2
        if np.abs(step).max() <= _CLOSE:
            break
        weights, reached = weights - step, tried
    return weights


def losses(judged: Sequence[Judged], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """How surprising what was right is, for each question that says something: nats, (n,)."""
    return Cases(judged).losses(weights)


def _log_sum(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    highest = scores.max(axis=1, initial=-np.inf)
    return np.asarray(highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1)))


def _chances(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
