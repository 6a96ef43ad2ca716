"""Weights fitted on few marked questions, and whether they are better than those that ship.

Ten questions know little of twenty signals. So the weights that ship are held to, as if they had
been fitted on so many of the user's own questions (`HOLDS`), and cross-validation says on how
many; infinitely many leave the weights as they are. And the weights go only part of the way to what
was fitted: the share of the gain in loss that is left when its standard error is taken off, so
that what may be chance moves nothing. All of it, those choices too, is repeated without a tenth of
the questions and judged on these (nested cross-validation, Varma and Simon 2006): so the gain is
one on questions that were not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.ranking.fit import Cases, Judged, fitted
from sophia_cli.memory.ranking.relevance import MEASURES, interval, measured
from sophia_cli.memory.ranking.signals import NAMES
from sophia_cli.memory.ranking.weights import Weights

HOLDS = (30.0, 100.0, 300.0, 1000.0)
"""How many questions the weights that ship may count for; besides infinitely many.

Chosen with `bench/simulate_feedback.py`: 10 made ten marks cost more than they bring.
"""
FEWEST = 20
"""Questions with something right; with fewer, weights are never switched."""
DECIDES = "nDCG@10"
"""The measure that has to gain."""

_FOLDS = 10
_INNER_FOLDS = 5
_REPEATS = 3
_ENOUGH = 100  # questions from which one partition into folds is as good as three
_RIDGE = 0.02  # curvature of a signal that the user's questions say nothing about
_SURENESS = np.exp(np.linspace(-1.5, 1.5, 31))

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Marked:
    """One marked question.

    Attributes:
        judged: its candidates, and what is right and wrong among them.
        right: how many memories are right for it, those that are no candidates too.
    """

    judged: Judged
    right: int


@dataclass(frozen=True, slots=True)
class Gain:
    """A measure with the weights that ship and with fitted ones, on questions not seen.

    Attributes:
        shipped, fitted: 0 to 1, means over the questions.
        low, high: the 95 % confidence interval of fitted less shipped, paired by question.
    """

    shipped: float
    fitted: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """Fitted less shipped."""
        return self.fitted - self.shipped


@dataclass(frozen=True, slots=True)
class Tuning:
    """What came of fitting.

    Attributes:
        weights: signal -> weight, of the fit on all questions.
        hold: how many questions the weights that ship counted for; infinity leaves them unchanged.
        questions: how many have something right, and are judged by.
        unreached: how many of these have nothing right among their candidates.
        gains: measure -> gain; empty where the questions are too few to leave some out.
    """

    weights: dict[str, float]
    hold: float
    questions: int
    unreached: int
    gains: dict[str, Gain]

    @property
    def is_real(self) -> bool:
        """Whether the gain is more than chance: its interval lies above zero."""
        return (
            self.questions >= FEWEST
            and np.isfinite(self.hold)
            and DECIDES in self.gains
            and self.gains[DECIDES].low > 0
        )


def tuned(marked: Sequence[Marked], shipped: Weights, seed: int = 0) -> Tuning:
    """Weights fitted on marked questions, and their gain on questions that were not seen.

    Args:
        seed: of the partitions and intervals; the same questions and seed give the same result.
    """
    start = shipped.vector.astype(np.float64)
    weights, hold = _fitted([each.judged for each in marked], start, seed)
    judged_by = [each for each in marked if each.right]
    return Tuning(
        dict(zip(NAMES, weights.tolist(), strict=True)),
        hold,
        len(judged_by),
        sum(not each.judged.right.any() for each in judged_by),
        _gains(marked, judged_by, start, seed) if len(judged_by) >= _INNER_FOLDS else {},
    )


def measured_with(marked: Sequence[Marked], weights: Vector) -> Vector:
    """The measures of each question: float64, (questions, len(MEASURES))."""
    rows = []
    for each in marked:
        order = np.argsort(-(each.judged.signals @ weights), kind="stable")
        rows.append(measured(each.judged.right[order], each.right))
    return np.array(rows).reshape(-1, len(MEASURES))


def _gains(
    marked: Sequence[Marked], judged_by: Sequence[Marked], start: Vector, seed: int
) -> dict[str, Gain]:
    """The gain of each measure, each question with weights that were fitted without it."""
    before = measured_with(judged_by, start)
    after = np.zeros_like(before)
    only_wrong = [each.judged for each in marked if not each.right]
    repeats = _REPEATS if len(judged_by) < _ENOUGH else 1
    for repeat in range(repeats):
        for left_out in _partition(len(judged_by), _FOLDS, seed + repeat):
            kept = [each.judged for n, each in enumerate(judged_by) if n not in left_out]
            weights, _ = _fitted([*kept, *only_wrong], start, seed + repeat)
            places = sorted(left_out)
            after[places] += measured_with([judged_by[n] for n in places], weights) / repeats
    change = after - before
    furthest = np.abs(change).max(axis=0)
    low, high = interval(change, -furthest, furthest, seed)
    return {
        name: Gain(*map(float, (before[:, n].mean(), after[:, n].mean(), low[n], high[n])))
        for n, name in enumerate(MEASURES)
    }


def _fitted(judged: Sequence[Judged], start: Vector, seed: int) -> tuple[Vector, float]:
    """Weights of the scale of `start`, and how strongly they were held to it."""
    judged = [case for case in judged if case.says_something]
    if len(judged) < _INNER_FOLDS:
        return start, np.inf
    hold, share = _strength(judged, start, seed)
    if not share:
        return start, np.inf
    cases = Cases(judged)
    sure = _sureness(cases, start)
    moved = fitted(cases, sure * start, hold * _stiffness(cases, sure * start)) / sure
    return start + share * (moved - start), hold


def _strength(judged: Sequence[Judged], start: Vector, seed: int) -> tuple[float, float]:
    """How strongly to hold to the start, by cross-validation, and how much of the way to go.

    All of it for a gain far beyond its standard error, nothing for one within it; the losses are
    paired by question.
    """
    strengths = [np.inf, *reversed(HOLDS)]
    spent = np.zeros((len(judged), len(strengths)))
    for left_out in _partition(len(judged), _INNER_FOLDS, seed):
        kept = Cases([case for n, case in enumerate(judged) if n not in left_out])
        places = sorted(left_out)
        unseen = Cases([judged[n] for n in places])
        sure = _sureness(kept, start)
        origin = weights = sure * start
        stiffness = _stiffness(kept, origin)
        for column, hold in enumerate(strengths):
            if np.isfinite(hold):
                weights = fitted(kept, origin, hold * stiffness, first=weights)
            spent[places, column] = unseen.losses(weights)
    best = int(spent.mean(axis=0).argmin())
    gained = spent[:, 0] - spent[:, best]
    gain, error = gained.mean(), gained.std() / len(judged) ** 0.5
    return strengths[best], float(max(0.0, 1 - error / gain)) if gain > 0 else 0.0


def _sureness(cases: Cases, start: Vector) -> float:
    """How far apart the scores should lie for these questions: a factor for all weights.

    It changes no order; without it the fit would have to reach it through the signals.
    """
    loss = [cases.losses(factor * start).sum() + 2 * np.log(factor) ** 2 for factor in _SURENESS]
    return float(_SURENESS[int(np.argmin(loss))])


def _stiffness(cases: Cases, start: Vector) -> Vector:
    """What holding to the start as one question costs, for each signal: the mean curvature."""
    _, curvature = cases.slope(start)
    return np.asarray(np.diag(curvature) / len(cases) + _RIDGE)


def _partition(count: int, folds: int, seed: int) -> Iterator[frozenset[int]]:
    """Places from 0 to count - 1, at random, in folds of nearly one size."""
    order = np.random.default_rng(seed).permutation(count)
    for fold in range(min(folds, count)):
        yield frozenset(order[fold::folds].tolist())
