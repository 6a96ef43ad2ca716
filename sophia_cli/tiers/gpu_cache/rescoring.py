"""Candidates scored exactly, and an answer made diverse: pure functions on their vectors.

NumPy on this machine's memory: some hundred candidates are a few microseconds of work, less than
it takes to send them to a device.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sophia_cli.tiers.gpu_cache.slab import Floats


def rescore(query: Floats, vectors: Floats) -> Floats:
    """The cosine of each candidate with the question: float32, (n,).

    Args:
        query: float32, (dimension,), L2-normalised.
        vectors: float32, (n, dimension), L2-normalised.
    """
    return vectors @ query


def mmr(relevance: Floats, vectors: Floats, k: int, balance: float) -> NDArray[np.intp]:
    """Picks candidates one by one: relevant, and unlike those picked before.

    Maximal marginal relevance, Carbonell and Goldstein (SIGIR 1998): each pick maximises
    `balance * relevance - (1 - balance) * greatest cosine with a picked one`.

    Args:
        relevance: (n,), on any scale: it is brought to 0..1 over the candidates.
        vectors: float32, (n, dimension), L2-normalised; zeros where a vector is not known.
        k: how many are picked; all, where there are fewer.
        balance: lambda. 1 orders by relevance alone, 0 by difference alone (after the best).

    Returns:
        The places of the picked candidates, in the order of picking.
    """
    count = len(relevance)
    low, high = (relevance.min(), relevance.max()) if count else (0, 0)
    worth = balance * (relevance - low) / ((high - low) or 1)
    picked = np.empty(min(k, count), np.intp)
    nearest = np.full(count, -np.inf, np.float32)
    left = np.ones(count, bool)
    for place in range(len(picked)):
        gain = worth - (1 - balance) * nearest if place else relevance
        best = int(np.argmax(np.where(left, gain, -np.inf)))
        picked[place], left[best] = best, False
        np.maximum(nearest, vectors @ vectors[best], out=nearest)
    return picked
