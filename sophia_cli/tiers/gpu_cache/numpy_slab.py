"""A slab in this machine's memory, through NumPy: float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from sophia_cli.tiers.gpu_cache.gathering import Gathering, product
from sophia_cli.tiers.gpu_cache.machine_memory import check_room
from sophia_cli.tiers.gpu_cache.slab import Floats, OutOfDeviceMemory
from sophia_cli.tiers.gpu_cache.slots import Slots

_BLOCK = 256
_COPIED = 256  # rows that are copied at once: a third quicker than a thousand, past the caches


class NumpySlab:
    """A `Slab` in an array. The system commits its pages as they are written.

    Attributes:
        rows: the array, (capacity, dimension).
    """

    device = "cpu"
    library = f"numpy {np.__version__}"
    dtype = "float32"

    def __init__(self, capacity: int, dimension: int) -> None:
        check_room(capacity * dimension * 4)
        with _memory():
            self.rows: Floats = np.empty((capacity, dimension), np.float32)
        self._gathering = Gathering(dimension)

    def write(self, slots: Slots, rows: Floats) -> None:
        """Writes rows."""
        with _memory():
            if not isinstance(slots, slice):
                self.rows[slots] = rows
                return
            for start in range(0, len(rows), _COPIED):
                part = rows[start : start + _COPIED]
                self.rows[slots.start + start :][: len(part)] = part

    def read(self, slots: Slots) -> Floats:
        """A copy of rows."""
        with _memory():
            return self.rows[slots].copy() if isinstance(slots, slice) else self.rows[slots]

    def products(self, queries: Floats, slots: Slots) -> Floats:
        """Dot products, (queries, slots)."""
        with _memory():
            if isinstance(slots, slice):
                return product(queries, self.rows[slots])
            return self._gathering.products(queries, self.rows, slots)

    def best(
        self, queries: Floats, count: int, k: int, hidden: NDArray[np.bool_] | None
    ) -> tuple[Floats, NDArray[np.intp]]:
        """The greatest products of each query."""
        with _memory():
            products = product(queries, self.rows[:count])
            if hidden is not None:
                products[:, hidden] = -np.inf
            slots = np.stack([_greatest(row, k) for row in products])
            return np.take_along_axis(products, slots, 1), slots

    def release(self) -> None:
        """Gives the memory back."""
        del self.rows


class NumpyOpener:
    """Opens slabs of NumPy."""

    def row_bytes(self, dimension: int) -> int:
        """4 bytes a number."""
        return 4 * dimension

    def open(self, capacity: int, dimension: int) -> NumpySlab:
        """Takes the memory."""
        return NumpySlab(capacity, dimension)


def _greatest(products: Floats, k: int) -> NDArray[np.intp]:
    """The places of the `k` greatest, greatest first.

    The k-th greatest of the blocks' maxima is no more than the k-th greatest of all: whatever is
    less can be left out unsorted. That is a twentieth of the time of sorting out all of them.
    """
    count = len(products)
    places = np.arange(count)
    if count >= _BLOCK * k:
        maxima = products[: count - count % _BLOCK].reshape(-1, _BLOCK).max(axis=1)
        places = np.flatnonzero(products >= np.partition(maxima, -k)[-k])
    candidates = products[places]
    chosen = np.argpartition(candidates, -k)[-k:]
    return places[chosen[np.argsort(-candidates[chosen])]]


@contextmanager
def _memory() -> Iterator[None]:
    try:
        # A hidden row may hold anything, as it was never written.
        with np.errstate(all="ignore"):
            yield
    except MemoryError as error:
        raise OutOfDeviceMemory(str(error) or "no memory") from error
