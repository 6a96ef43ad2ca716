"""One piece of device memory, taken once, that holds rows by slot: what both libraries offer."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sophia_cli.tiers.gpu_cache.slots import Slots

Floats = NDArray[np.float32]


class OutOfDeviceMemory(Exception):
    """The device has no room: for the slab, or for the result of a product."""


class Slab(Protocol):
    """Rows on a device. What goes in and comes out are NumPy arrays of float32.

    Each call may raise `OutOfDeviceMemory`; any other exception means that the device is broken.
    Calls may overlap: whoever reads slots while they are written gets garbage.
    """

    @property
    def device(self) -> str:
        """The device's name, for people."""

    @property
    def library(self) -> str:
        """The library and its version."""

    @property
    def dtype(self) -> str:
        """`float16` or `float32`."""

    def write(self, slots: Slots, rows: Floats) -> None:
        """Writes rows, (n, dimension)."""

    def read(self, slots: Slots) -> Floats:
        """A copy of rows, (n, dimension)."""

    def products(self, queries: Floats, slots: Slots) -> Floats:
        """The dot product of each query with each row: (queries, slots)."""

    def best(
        self, queries: Floats, count: int, k: int, hidden: NDArray[np.bool_] | None
    ) -> tuple[Floats, NDArray[np.intp]]:
        """The `k` greatest products of each query with the first `count` rows.

        Args:
            hidden: (count,), rows that are left out; they come with a product of -inf.

        Returns:
            Products and slots, each (queries, k), greatest first; k <= count.
        """

    def release(self) -> None:
        """Gives the memory back; later calls raise."""


class Opener(Protocol):
    """Opens a slab; also says what a row takes, before there is one."""

    def row_bytes(self, dimension: int) -> int:
        """Bytes of device memory a row."""

    def open(self, capacity: int, dimension: int) -> Slab:
        """Takes the memory. Raises `OutOfDeviceMemory`."""
