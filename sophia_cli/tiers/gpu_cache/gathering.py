"""Products with rows that lie apart in this machine's memory, whichever library holds them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sophia_cli.tiers.gpu_cache.slab import Floats

_BLOCK = 256  # rows that are gathered at once: they stay in the processor's cache


class Gathering:
    """Gathers rows block by block, and multiplies each. Threads may share it."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        # Memory for a block, as many as there were threads at once: taken anew each time, the
        # system clears its pages before they are used.
        self._blocks: list[Floats] = []

    def products(self, queries: Floats, rows: Floats, slots: NDArray[np.intp]) -> Floats:
        """Dot products, (queries, slots), with those of `rows`."""
        products = np.empty((len(queries), len(slots)), np.float32)
        try:
            block = self._blocks.pop()
        except IndexError:
            block = np.empty((_BLOCK, self._dimension), np.float32)
        for start in range(0, len(slots), _BLOCK):
            part = slots[start : start + _BLOCK]
            gathered = block[: len(part)]
            np.take(rows, part, axis=0, out=gathered, mode="clip")  # others are copied twice
            products[:, start : start + len(part)] = product(queries, gathered)
        self._blocks.append(block)
        return products


def product(queries: Floats, rows: Floats) -> Floats:
    """Dot products, (queries, rows)."""
    # Matrix by vector is its own, quicker routine.
    products: Floats = (rows @ queries[0])[np.newaxis] if len(queries) == 1 else queries @ rows.T
    return products
