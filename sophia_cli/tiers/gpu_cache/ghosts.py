"""The hashes of keys that left a short while ago: who comes back soon, stays longer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PLACES = 4  # a slot, so that few hashes push each other out
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio (Knuth, TAOCP 6.4)
_PRINT = 24  # bits
_PRINTS = (1 << _PRINT) - 1


class Ghosts:
    """A table in which a hash has one place: 24 bits more of it, and when it came.

    A key that shares both with another is taken for it: it then stays longer than it deserves.
    """

    def __init__(self, capacity: int) -> None:
        bits = max(1, (_PLACES * capacity - 1).bit_length())
        self._shift = np.uint64(64 - bits)
        self._kept = np.zeros(1 << bits, np.int64)
        self._next = 1
        self._oldest = 1

    def clear(self) -> None:
        """Forgets them all."""
        if self._next > 1:
            self._kept.fill(0)
            self._next = self._oldest = 1

    def remember(self, hashes: NDArray[np.int64], number: int) -> None:
        """Notes hashes of keys that leave; only the last `number` of all are remembered."""
        places, prints = self._places(hashes)
        came = np.arange(self._next, self._next + len(hashes))
        self._kept[places] = (came << _PRINT) | prints
        self._next += len(hashes)
        self._oldest = max(1, self._next - number)

    def recall(self, hashes: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where those hashes stand that are remembered; they are forgotten now."""
        if self._next == 1:
            return np.empty(0, np.intp)
        places, prints = self._places(hashes)
        kept = self._kept[places]
        known = np.flatnonzero((kept & _PRINTS) == prints)
        if len(known):
            known = known[kept[known] >= self._oldest << _PRINT]
            self._kept[places[known]] = 0
        return known

    def _places(self, hashes: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        mixed = hashes.view(np.uint64) * _MIX
        return (mixed >> self._shift).view(np.int64), (mixed & np.uint64(_PRINTS)).view(np.int64)
