"""Which answer leaves when there is no room: S3-FIFO, by recency and frequency.

Yang et al., "FIFO queues are all you need for cache eviction" (SOSP 2023). New keys enter a small
queue of a tenth of the entries. At its end, those that were used meanwhile go on to the main
queue, the others leave, and only the hashes of their keys are remembered: a key that comes back
soon goes to the main queue at once. The main queue gives a key as many more rounds as it was used,
three at most. `bench/eviction.py` compares it with others. `key_slots` does the same for batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar, cast

K = TypeVar("K", bound=Hashable)

SMALL_SHARE = 10
"""One in so many entries waits in the small queue."""

MOST_USES = 3
"""More uses of an entry are not counted."""

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

    def touch(self, slot: int) -> None:
        """Notes that the key in `slot` was used."""
        if self._counts[slot] < MOST_USES:
            self._counts[slot] += 1

    def admit(self, key: K) -> None:
        """Gives a slot to a key that has none."""
        if self._free:
            slot = self._free.pop()
        else:
            slot = len(self.keys)
            self.keys.append(None)
            self._counts.append(_HOLE)
            self._queued.append(_NOWHERE)
        self._slots[key] = slot
        self.keys[slot], self._counts[slot] = key, 0
        back = hash(key) in self._ghosts
        self._ghosts.discard(hash(key))
        if self._queued[slot] == _NOWHERE:
            self._queued[slot] = _MAIN if back else _SMALL
            (self._main if back else self._small).append(slot)

    def evict(self) -> K:
        """Lets the key go that is worth least, of which there must be one; returns it.

        Its slot is the next to be given away.
        """
        counts, queued, small, main = self._counts, self._queued, self._small, self._main
        while True:
            new = len(small) * SMALL_SHARE >= len(small) + len(main)
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
                queued[slot] = _NOWHERE
                self._release(key, slot)
                if new:
                    self._haunt(hash(key))
                return key

    def drop(self, key: K) -> int | None:
        """Frees the slot of a key; returns it."""
        slot = self._slots.get(key)
        if slot is not None:
            self._release(key, slot)
        return slot

    def _release(self, key: K, slot: int) -> None:
        del self._slots[key]
        self.keys[slot] = None
        self._counts[slot] = _HOLE
        self._free.append(slot)

    def _haunt(self, ghost: int) -> None:
        """Remembers as many hashes of keys that left as there are entries."""
        self._ghosts.add(ghost)
        self._ghosts_by_age.append(ghost)
        for _ in range(len(self._ghosts_by_age) - len(self._slots)):
            self._ghosts.discard(self._ghosts_by_age.popleft())
