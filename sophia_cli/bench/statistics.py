"""What samples say: percentiles and ratios with their 95 % confidence intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Samples = NDArray[np.float64]
"""float64, (n,): what was measured, in the order in which it was; milliseconds unless said."""

_TAIL = 0.025
_RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its 95 % confidence interval, in the unit of what was measured."""

    value: float
    low: float
    high: float

    def inverted(self, numerator: float) -> Estimate:
        """The same as a rate: `numerator` divided by it."""
        return Estimate(numerator / self.value, numerator / self.high, numerator / self.low)


def percentile(samples: ArrayLike, share: float) -> Estimate | None:
    """The quantile at `share` (0.5 is the median), with an interval between order statistics.

    How many of n samples lie below the true quantile is binomial(n, share), whatever the
    distribution; the interval lies between the two samples that this leaves 2.5 % outside of on
    each side (Hahn and Meeker, Statistical Intervals, 1991, section 5.2).

    Returns:
        None when the samples are too few for an interval: the median needs 6 of them, the 95th
        percentile 72, the 99th 368.
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    below = np.cumsum(_binomial(len(ordered), share))  # below[k]: P(at most k lie below)
    low = int(np.searchsorted(below, _TAIL, side="right")) - 1
    high = int(np.searchsorted(below, 1 - _TAIL, side="left"))
    if low < 0 or high >= len(ordered):
        return None
    return Estimate(float(np.quantile(ordered, share)), float(ordered[low]), float(ordered[high]))


def bootstrapped(
    statistic: Callable[..., float], series: Sequence[ArrayLike], seed: int = 0
) -> Estimate:
    """A figure made of series that were measured in turns, such as a ratio of medians.

    A moving-block bootstrap: whole stretches of about sqrt(n) turns are drawn, from all series at
    once, since what disturbs one sample disturbs its neighbours and its partner too (Kuensch 1989).

    Args:
        statistic: takes one array a series and returns the figure.
        series: arrays of one length n.
        seed: the same seed gives the same interval.
    """
    arrays = [np.asarray(each, dtype=np.float64) for each in series]
    count = len(arrays[0])
    block = max(1, round(count**0.5))
    chance = np.random.default_rng(seed)
    steps = np.arange(block)
    drawn = []
    for _ in range(_RESAMPLES):
        starts = chance.integers(0, count, size=-(-count // block))
        places = ((starts[:, None] + steps) % count).ravel()[:count]
        drawn.append(statistic(*(array[places] for array in arrays)))
    low, high = np.quantile(drawn, [_TAIL, 1 - _TAIL])
    return Estimate(float(statistic(*arrays)), float(low), float(high))


def ratio_of_medians(over: ArrayLike, under: ArrayLike) -> Estimate:
    """How many times the median of `under` the median of `over` is; measured in turns."""
    return bootstrapped(lambda a, b: float(np.median(a) / np.median(b)), [over, under])


def thinned(samples: ArrayLike, count: int = 201) -> tuple[float, ...]:
    """`count` evenly spaced quantiles, from the least to the greatest: enough for a plot."""
    values = np.quantile(np.asarray(samples, dtype=np.float64), np.linspace(0, 1, count))
    return tuple(float(f"{value:.5g}") for value in values)


def _binomial(count: int, share: float) -> NDArray[np.float64]:
    """P(k of `count` lie below), k = 0 ... count."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    k = np.arange(count + 1)
    chosen = logs[count] - logs[k] - logs[count - k]
    probabilities: NDArray[np.float64] = np.exp(
        chosen + k * np.log(share) + (count - k) * np.log1p(-share)
    )
    return probabilities
