"""How good an order is, once it is known which of it is right; and how sure that can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

DEPTHS = (1, 3, 5, 10)
MEASURES: tuple[str, ...] = (*(f"recall@{depth}" for depth in DEPTHS), "MRR", "nDCG@10")
"""What `measured` gives, in its order."""

_DEEPEST = DEPTHS[-1]
_GAINS = 1 / np.log2(np.arange(2, _DEEPEST + 2))
_RESAMPLES = 2_000
_TAIL = 0.025


def measured(hits: Sequence[bool] | NDArray[np.bool_], right: int) -> NDArray[np.float64]:
    """The measures of one answer: float64, (len(MEASURES),), each from 0 to 1.

    Recall is the share of what is right among the first k; the reciprocal rank is that of the first
    right one, 0 from the eleventh place on; nDCG (Jarvelin and Kekalainen 2002) has gains 0 or 1.

    Args:
        hits: whether each of the answer is right, best first; no more than ten are looked at.
        right: how many are right in all, at least one.
    """
    found = np.zeros(_DEEPEST, bool)
    found[: min(len(hits), _DEEPEST)] = hits[:_DEEPEST]
    recalls = [found[:depth].sum() / right for depth in DEPTHS]
    first = 1 / (found.argmax() + 1) if found.any() else 0.0
    gain = float(_GAINS[found].sum() / _GAINS[: min(right, _DEEPEST)].sum())
    return np.array([*recalls, first, gain])


def interval(
    values: ArrayLike, least: ArrayLike, most: ArrayLike, seed: int = 0
) -> NDArray[np.float64]:
    """The 95 % confidence interval of a mean over questions, by a bootstrap over the questions.

    Two imaginary questions, one at each extreme, are among those drawn from (the idea of Agresti
    and Coull 1998 for shares): six questions that were all answered do not prove 100 %.

    Args:
        values: (questions,) or (questions, measures).
        least, most: the extremes, one or one a measure.
        seed: the same seed gives the same interval.

    Returns:
        float64, (2,) or (2, measures): where it begins and ends; around the mean in any case.
    """
    known = np.asarray(values, np.float64)
    extremes = [
        np.broadcast_to(np.asarray(each, np.float64), known.shape[1:]) for each in (least, most)
    ]
    drawn_from = np.concatenate([known, np.stack(extremes)])
    chance = np.random.default_rng(seed)
    count = len(known)
    times = chance.multinomial(count, np.full(count + 2, 1 / (count + 2)), size=_RESAMPLES)
    means = times @ drawn_from / count
    low, high = np.quantile(means, [_TAIL, 1 - _TAIL], axis=0)
    middle = known.mean(axis=0)
    return np.stack([np.minimum(low, middle), np.maximum(high, middle)])
