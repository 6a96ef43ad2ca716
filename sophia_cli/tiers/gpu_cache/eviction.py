"""Which entry leaves when there is no room: S3-FIFO, by recency and frequency.

Yang et al., "FIFO queues are all you need for cache eviction" (SOSP 2023). New keys enter a small
queue of a tenth of the entries. At its end, those that were used meanwhile go on to the main
queue, the others leave, and only the hashes of their keys are remembered: a key that comes back
soon goes to the main queue at once. The main queue gives a key as many more rounds as it was used,
three at most. `bench/eviction.py` compares it with others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from typing import Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K", bound=Hashable)

Slots = slice | NDArray[np.intp]
"""Places in a slab: a run of them, or their numbers."""

_SMALL_SHARE = 10  # one in so many entries waits in the small queue
_MOST = 3
_HOLE = 255
_NOWHERE, _SMALL, _MAIN = 0, 1, 2


class S3Fifo(Generic[K]):
    """Keys in numbered slots. Its owner says when one has to leave, and takes care of the locks.

    A slot that `drop` frees keeps its place in its queue: the next key moves in there. So nothing
    is ever searched for, and everything costs O(1) a key.
    """

    def __init__(self) -> None:
        self.keys: list[K | None] = []
        """The key in each slot; its length is the number of slots ever used."""
        self._slots: dict[K, int] = {}
        self._counts = bytearray()
        self._queued = bytearray()
        self._free: list[int] = []
        self._small: deque[int] = deque()
        self._main: deque[int] = deque()
        self._ghosts: set[int] = set()
        self._ghosts_by_age: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._slots)

    def __iter__(self) -> Iterator[K]:
        return iter(self._slots)

    def find(self, key: K) -> int | None:
        """The slot of a key."""
        return self._slots.get(key)

    def missing(self, keys: Sequence[K]) -> list[K]:
        """Those of `keys` that are not there, each once."""
        once = dict.fromkeys(keys)
        if self._slots.keys().isdisjoint(once):
            return list(once)
        return [key for key in once if key not in self._slots]

    def touch(self, slot: int) -> None:
        """Notes that the key in `slot` was used."""
        if self._counts[slot] < _MOST:
            self._counts[slot] += 1

    def admit(self, keys: Sequence[K]) -> Slots:
        """Gives slots to keys, in their order; a key that is there keeps its own.

        As many slots as keys must be free, or still be to come.

        Returns:
            A run where all are new and no slot was free; otherwise the numbers.
        """
        reused = [self._free.pop() for _ in range(min(len(keys), len(self._free)))]
        first, grown = len(self.keys), len(keys) - len(reused)
        self.keys.extend([None] * grown)
        self._counts.extend(bytes([_HOLE]) * grown)
        self._queued.extend(bytes([_NOWHERE]) * grown)
        offered = [*reused, *range(first, first + grown)]
        # One pass over the dictionary both looks and enters: it is most of the time.
        slots = list(map(self._slots.setdefault, keys, offered))
        if slots == offered:
            self._enter(keys, slots, run=bool(slots) and not reused)
            return np.array(slots, np.intp) if reused else slice(first, first + grown)
        new = [place for place, slot in enumerate(slots) if slot == offered[place]]
        self._free += sorted(set(offered).difference(slots))
        self._enter([keys[place] for place in new], [slots[place] for place in new])
        return np.array(slots, np.intp)

    def evict(self, count: int = 1) -> list[K]:
        """Lets the keys go that are worth least, of which there must be so many; returns them.

        Their slots are the next to be given away.
        """
        counts, queued, small, main = self._counts, self._queued, self._small, self._main
        left: list[K] = []
        ghosts: list[K] = []
        while len(left) < count:
            new = len(small) * _SMALL_SHARE >= len(small) + len(main)
            slot = small.popleft() if new else main.popleft()
            uses = counts[slot]
            if uses == _HOLE:
                queued[slot] = _NOWHERE
            elif uses:
                counts[slot] = 0 if new else uses - 1
                queued[slot] = _MAIN
                main.append(slot)
            else:
                key = cast("K", self.keys[slot])
                if new:
                    ghosts.append(key)
                queued[slot] = _NOWHERE
                self._release(key, slot)
                left.append(key)
        self._haunt(list(map(hash, ghosts)))
        return left

    def drop(self, key: K) -> int | None:
        """Frees the slot of a key; returns it."""
        slot = self._slots.get(key)
        if slot is not None:
            self._release(key, slot)
        return slot

    def hottest(self, count: int) -> list[tuple[K, int, int]]:
        """The keys worth most, best first: each with its slot and how often it was used."""
        ranked = sorted(
            self._slots.items(),
            key=lambda item: (self._counts[item[1]], self._queued[item[1]]),
            reverse=True,
        )
        return [(key, slot, self._counts[slot]) for key, slot in ranked[:count]]

    def _enter(self, keys: Sequence[K], slots: Sequence[int], *, run: bool = False) -> None:
        """Puts new keys in their slots, and the slots in a queue unless they are in one."""
        hashes = list(map(hash, keys)) if self._ghosts else []
        back = self._ghosts.intersection(hashes)
        self._ghosts -= back
        if run and not back:
            at = slice(slots[0], slots[-1] + 1)
            self.keys[at] = keys
            self._counts[at] = bytes(len(keys))
            self._queued[at] = bytes([_SMALL]) * len(keys)
            self._small.extend(slots)
            return
        names, counts, queued = self.keys, self._counts, self._queued
        for place, slot in enumerate(slots):
            names[slot], counts[slot] = keys[place], 0
            if queued[slot] == _NOWHERE:
                again = bool(back) and hashes[place] in back
                queued[slot] = _MAIN if again else _SMALL
                (self._main if again else self._small).append(slot)

    def _release(self, key: K, slot: int) -> None:
        del self._slots[key]
        self.keys[slot] = None
        self._counts[slot] = _HOLE
        self._free.append(slot)

    def _haunt(self, hashes: Sequence[int]) -> None:
        """Remembers as many hashes of keys that left as there are entries."""
        self._ghosts.update(hashes)
        self._ghosts_by_age.extend(hashes)
        for _ in range(len(self._ghosts_by_age) - len(self._slots)):
            self._ghosts.discard(self._ghosts_by_age.popleft())
