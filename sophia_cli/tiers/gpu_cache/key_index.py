"""In which slot a key is, by its hash, in arrays: a batch costs a few operations on all of it.

Python's dictionary reaches into memory once and again for each key; with a thousand keys in and a
thousand out that is most of what a batch costs. Here a key's hash names one place of a table that
has eight and more for each slot. A key whose place is taken is kept in a dictionary, one in 9 to 17
where all slots are and keys have come and gone; how many of them there are is counted for each
place, so that no other is looked for there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from sophia_cli.tiers.gpu_cache.slots import Slots, numbers_of

NONE = -1
"""In place of a slot: there is none."""

_PLACES = 8  # for each slot, at least
_FEW = 32  # keys that are sooner found one by one
_MIX = 0x9E3779B97F4A7C15  # 2^64 divided by the golden ratio (Knuth, TAOCP 6.4)
_WORD = (1 << 64) - 1


def hashes_of(keys: Sequence[Hashable]) -> NDArray[np.int64]:
    """The hashes of keys, (len(keys),)."""
    return np.fromiter(map(hash, keys), np.int64, len(keys))


class KeyIndex:
    """Slots by key. Its owner takes care of the locks.

    Args:
        capacity: how many slots there are.

    Attributes:
        keys: the key in each slot that was ever used, None in a free one.
        hashes: int64, (max(1, capacity),): their hashes.
    """

    def __init__(self, capacity: int) -> None:
        bits = max(1, (_PLACES * capacity - 1).bit_length())
        self.keys: list[Hashable] = []
        self.hashes = np.zeros(max(1, capacity), np.int64)
        self._shift = 64 - bits
        self._table = np.zeros(1 << bits, np.int32)  # the slot and one; 0 where there is none
        self._others: dict[Hashable, int] = {}
        # How many of them have a place; as many as there are slots may share one.
        self._crowd = np.zeros(1 << bits, np.min_scalar_type(capacity))
        # The same memory; a single number is read from it in a third of the time.
        self._one, self._crowd_of_one = self._table.data, self._crowd.data

    def find(self, key: Hashable) -> int:
        """The slot of a key, or `NONE`."""
        place = (hash(key) * _MIX & _WORD) >> self._shift
        slot = self._one[place] - 1
        if slot >= 0 and self._holds(slot, key):
            return slot
        return self._others.get(key, NONE) if self._crowd_of_one[place] else NONE

    def find_all(
        self, keys: Sequence[Hashable], hashes: NDArray[np.int64] | None = None
    ) -> NDArray[np.intp]:
        """The slots of keys, `NONE` where there is none.

        Args:
            hashes: theirs, if they are at hand.
        """
        if len(keys) <= _FEW:
            return np.array([self.find(key) for key in keys], np.intp)
        hashes = hashes_of(keys) if hashes is None else hashes
        places = self._places(hashes)
        slots = self._table[places].astype(np.intp) - 1
        slots[self.hashes.take(slots, mode="clip") != hashes] = NONE
        at = np.flatnonzero(slots != NONE)
        held = list(map(self.keys.__getitem__, slots[at].tolist()))
        if held != list(map(keys.__getitem__, at.tolist())):
            slots[[n for n in at.tolist() if not self._holds(slots[n], keys[n])]] = NONE
        at = np.flatnonzero((slots == NONE) & (self._crowd[places] > 0))
        others = map(self._others.get, map(keys.__getitem__, at.tolist()), repeat(NONE))
        slots[at] = np.fromiter(others, np.intp, len(at))
        return slots

    def enter(self, keys: Sequence[Hashable], hashes: NDArray[np.int64], slots: Slots) -> None:
        """Puts keys, each another and none of them there, in free slots."""
        numbers = self._named(slots, keys)
        self.hashes[slots] = hashes
        places = self._places(hashes)
        free = self._table[places] == 0
        self._table[places[free]] = numbers[free] + 1
        out = np.flatnonzero(self._table[places] != numbers + 1)
        named = map(keys.__getitem__, out.tolist())
        self._others.update(zip(named, numbers[out].tolist(), strict=True))
        np.add.at(self._crowd, places[out], 1)

    def remove(self, slots: Slots) -> None:
        """Frees slots, each of which has a key."""
        numbers = numbers_of(slots)
        places = self._places(self.hashes[slots])
        inside = self._table[places] == numbers + 1
        self._table[places[inside]] = 0
        named = map(self.keys.__getitem__, numbers[~inside].tolist())
        deque(map(self._others.__delitem__, named), 0)
        np.subtract.at(self._crowd, places[~inside], 1)
        self._named(slots, [None] * len(numbers))

    def clear(self) -> None:
        """Frees every slot, as if none had been used."""
        places = self._places(self.hashes[: len(self.keys)])
        self._table[places] = 0
        self._crowd[places] = 0
        self._others.clear()
        self.keys.clear()

    def _named(self, slots: Slots, keys: Sequence[Hashable]) -> NDArray[np.intp]:
        """Notes whose slots they are; returns their numbers."""
        numbers = numbers_of(slots)
        if isinstance(slots, slice):
            self.keys[slots] = keys
        else:
            for slot, key in zip(slots.tolist(), keys, strict=True):
                self.keys[slot] = key
        return numbers

    def _places(self, hashes: NDArray[np.int64]) -> NDArray[np.intp]:
        mixed = hashes.view(np.uint64) * np.uint64(_MIX)
        return (mixed >> np.uint64(self._shift)).view(np.int64)

    def _holds(self, slot: int, key: Hashable) -> bool:
        held = self.keys[slot]
        return held is key or held == key
