"""Slots in the order in which they came, in an array: batches go in and out in one operation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Fifo:
    """First in, first out; at most `capacity` at once."""

    def __init__(self, capacity: int) -> None:
        # Twice as long as it needs to be: what is left moves to the front once in `capacity`.
        self._slots = np.empty(2 * capacity, np.int32)
        self._first = self._end = 0

    def __len__(self) -> int:
        return self._end - self._first

    def clear(self) -> None:
        """Takes all of them away."""
        self._first = self._end = 0

    def push(self, slots: NDArray[np.intp]) -> None:
        """Puts slots at the end."""
        if self._end + len(slots) > len(self._slots):
            self._slots[: len(self)] = self._slots[self._first : self._end].copy()
            self._first, self._end = 0, len(self)
        self._slots[self._end : self._end + len(slots)] = slots
        self._end += len(slots)

    def first(self, number: int) -> NDArray[np.int32]:
        """The first slots, at most so many, as a view that holds until something is put in."""
        return self._slots[self._first : min(self._end, self._first + number)]

    def pop(self, number: int) -> NDArray[np.intp]:
        """Takes the first slots away, of which there must be so many."""
        taken = self._slots[self._first : self._first + number].astype(np.intp)
        self._first += number
        return taken
