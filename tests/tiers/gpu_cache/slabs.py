"""Slabs for tests: vectors to fill them with, and a FAKE device that runs out of memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sophia_cli.tiers.gpu_cache.numpy_slab import NumpyOpener, NumpySlab
from sophia_cli.tiers.gpu_cache.slab import Floats, OutOfDeviceMemory

DIMENSION = 8


def vectors(count: int, dimension: int = DIMENSION, seed: int = 0) -> Floats:
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class FakeDevice:
    """Fake: opens real NumPy slabs, and fails where it is told to.

    Attributes:
        room: rows that fit; a slab of more raises as torch does on a full GPU.
        failing: called before every operation of a slab with its name; what it raises, they raise.
    """

    def __init__(self, room: int = 1 << 30) -> None:
        self.room = room
        self.failing: Callable[[str], None] = lambda name: None
        self.open_slabs = 0

    def row_bytes(self, dimension: int) -> int:
        return 4 * dimension

    def open(self, capacity: int, dimension: int) -> FakeSlab:
        if capacity > self.room:
            raise OutOfDeviceMemory(f"FAKE: CUDA out of memory. Tried to allocate {capacity} rows")
        self.open_slabs += 1
        return FakeSlab(self, NumpyOpener().open(capacity, dimension))


class FakeSlab:
    device, library, dtype = "FAKE GPU", "fake", "float32"

    def __init__(self, owner: FakeDevice, slab: NumpySlab) -> None:
        self._owner, self._slab = owner, slab

    def write(self, slots: slice | NDArray[np.intp], rows: Floats) -> None:
        self._owner.failing("write")
        self._slab.write(slots, rows)

    def read(self, slots: slice | NDArray[np.intp]) -> Floats:
        self._owner.failing("read")
        return self._slab.read(slots)

    def products(self, queries: Floats, slots: slice | NDArray[np.intp]) -> Floats:
        self._owner.failing("products")
        return self._slab.products(queries, slots)

    def best(
        self, queries: Floats, count: int, k: int, hidden: NDArray[np.bool_] | None
    ) -> tuple[Floats, NDArray[np.intp]]:
        self._owner.failing("best")
        return self._slab.best(queries, count, k, hidden)

    def held(self) -> Floats:
        """All that lies there, without asking the device."""
        return self._slab.rows

    def release(self) -> None:
        self._owner.open_slabs -= 1
        self._slab.release()


class Failing:
    """Raises `error` at operations named `names`, `times` times."""

    def __init__(self, error: Exception, *names: str, times: int = 1 << 30) -> None:
        self.error, self.names, self.times = error, names, times

    def __call__(self, name: str) -> None:
        if name in self.names and self.times > 0:
            self.times -= 1
            raise self.error
