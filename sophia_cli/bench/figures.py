"""From samples to figures: latencies, rates, and what one thing costs beside another."""

from __future__ import annotations

import numpy as np

from sophia_cli.bench.results import Figure, Limit, PaceOf
from sophia_cli.bench.statistics import (
    Estimate,
    Samples,
    bootstrapped,
    percentile,
    ratio_of_medians,
    thinned,
)


def latency(
    name: str,
    samples: Samples,
    pace: PaceOf,
    *,
    target: Limit | None = None,
    bound: Limit | None = None,
    note: str = "",
) -> Figure:
    """How long something takes, ms: median, 95th and 99th percentile."""
    return Figure(
        name,
        "ms",
        "lower",
        _median(samples),
        percentile(samples, 0.95),
        percentile(samples, 0.99),
        len(samples),
        thinned(samples),
        pace,
        target,
        bound,
        note=note,
    )


def rate(name: str, samples: Samples, each: int, pace: PaceOf, *, decides: bool = True) -> Figure:
    """How many a second, where every sample is the time of `each` of them."""
    return Figure(
        name,
        "/s",
        "higher",
        _median(samples).inverted(1000 * each),
        samples=len(samples),
        quantiles=thinned(1000 * each / samples),
        pace=pace,
        decides=decides,
        note=f"{each} at a time",
    )


def ratio(
    name: str,
    over: Samples,
    under: Samples,
    pace: PaceOf,
    *,
    higher: bool = False,
    bound: Limit | None = None,
) -> Figure:
    """How many times as long `over` takes as `under`, measured in turns.

    It does not decide a comparison: one that is short and one that is long are not slowed alike by
    a busy machine. Their own times decide.
    """
    return Figure(
        name,
        "x",
        "higher" if higher else "lower",
        ratio_of_medians(over, under),
        samples=len(over),
        pace=pace,
        bound=bound,
        decides=False,
    )


def overhead(
    name: str,
    whole: Samples,
    part: Samples,
    pace: PaceOf,
    *,
    times: float = 1.0,
    bound: Limit | None = None,
) -> Figure:
    """What is left of the median of `whole` after `times` the median of its part, ms.

    It does not decide a comparison: a small difference of two large times, it moves by half when
    they move by a twentieth. They decide themselves.
    """
    return Figure(
        name,
        "ms",
        "lower",
        bootstrapped(lambda a, b: float(np.median(a) - times * np.median(b)), [whole, part]),
        samples=len(whole),
        pace=pace,
        bound=bound,
        decides=False,
    )


def _median(samples: Samples) -> Estimate:
    median = percentile(samples, 0.5)
    assert median is not None  # noqa: S101  (there is a sample of each of the six visits)
    return median
