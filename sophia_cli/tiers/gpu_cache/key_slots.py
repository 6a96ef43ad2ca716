"""Which slot of the slab holds which key, and who leaves when it is full: S3-FIFO over arrays.

The policy is that of `eviction`, which says what it is; here a batch of a thousand keys costs as
many operations on arrays as a single one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sophia_cli.tiers.gpu_cache.eviction import MOST_USES, SMALL_SHARE
from sophia_cli.tiers.gpu_cache.fifo import Fifo
from sophia_cli.tiers.gpu_cache.ghosts import Ghosts
from sophia_cli.tiers.gpu_cache.key_index import NONE, KeyIndex, hashes_of
from sophia_cli.tiers.gpu_cache.slots import Slots, differ, numbers_of, run_of

_HOLE = 255
_NOWHERE, _SMALL, _MAIN = 0, 1, 2
_AHEAD = 32  # entries that are looked at together, at least


class Admitted(NamedTuple):
    """What came of admitting keys.

    Attributes:
        slots: of the keys, in their order; a run where they are one.
        left: how many keys had to leave.
    """

    slots: Slots
    left: int


@dataclass(frozen=True, slots=True)
class Located:
    """Keys, and where they lay when they were last looked for.

    Attributes:
        keys: others may follow, which do not count.
        slots: intp, (keys,); `NONE` for a key that was not there, or never looked for.
        tickets: int64, (keys,); likewise.
    """

    keys: Sequence[Hashable]
    slots: NDArray[np.intp]
    tickets: NDArray[np.int64]


class KeySlots:
    """Keys in numbered slots, as many as `capacity`. Its owner takes care of the locks.

    A slot that `drop` frees keeps its place in its queue: the next key moves in there. So nothing
    is ever searched for.

    Args:
        capacity: how many there are.
        ticket: the first that is given; where this one follows another, its `next_ticket`.

    Attributes:
        tickets: int64, (capacity,): the number of the admission that gave a slot to its key, 0 in
            a free one. Whoever noted slot and ticket can tell whether the same key is still there.
        end: slots from this one on were never used.
    """

    def __init__(self, capacity: int, ticket: int = 1) -> None:
        self.capacity = capacity
        self.next_ticket = ticket
        self.tickets = np.zeros(capacity, np.int64)
        self.end = 0
        self._index = KeyIndex(capacity)
        self._count = 0
        self._uses = np.full(capacity, _HOLE, np.uint8)
        self._queued = np.zeros(capacity, np.uint8)
        self._free: list[int] = []
        self._small, self._main = Fifo(capacity), Fifo(capacity)
        self._ghosts = Ghosts(capacity)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Hashable]:
        return (self.keys[slot] for slot in self.taken().tolist())

    @property
    def keys(self) -> Sequence[Hashable]:
        """The key in each slot up to `end`, None in a free one."""
        return self._index.keys

    def find(self, key: Hashable) -> int | None:
        """The slot of a key."""
        slot = self._index.find(key)
        return None if slot == NONE else slot

    def find_all(self, keys: Sequence[Hashable]) -> NDArray[np.intp]:
        """The slots of keys, `NONE` where there is none."""
        return self._index.find_all(keys)

    def locate(self, located: Located) -> NDArray[np.bool_]:
        """Brings up to date where keys lie; returns which of them there are."""
        there: NDArray[np.bool_] = self.tickets.take(located.slots, mode="clip") == located.tickets
        moved = np.flatnonzero(~there)
        if len(moved):
            slots = self.find_all([located.keys[place] for place in moved.tolist()])
            there[moved] = slots != NONE
            located.slots[moved] = slots
            located.tickets[moved] = np.where(slots != NONE, self.tickets[slots], NONE)
        return there

    def touch(self, slots: int | NDArray[np.intp]) -> None:
        """Notes that the keys in `slots` were used, each once."""
        if isinstance(slots, int):
            if self._uses[slots] < MOST_USES:
                self._uses[slots] += 1
        else:
            self._uses[slots] = np.minimum(self._uses[slots] + 1, MOST_USES)

    def admit(self, keys: Sequence[Hashable]) -> Admitted:
        """Gives slots to keys, of which there may be `capacity`; one that is there keeps its own.

        Where there is no room, as many leave as there are new keys.
        """
        hashes = hashes_of(keys)
        found, left = self._index.find_all(keys, hashes), 0
        if (found == NONE).all() and differ(hashes):
            slots, left = self._room(len(keys))
            self._enter(keys, hashes, slots)
            return Admitted(slots, left)
        new = _once(keys, found)
        while (short := self._count + len(new) - self.capacity) > 0:
            self.evict(short)
            left += short
            # What is to be replaced may be the first to leave.
            new = _once(keys, self._index.find_all(keys, hashes))
        if new:
            self._enter(new, hashes_of(new), self._room(len(new))[0])
        return Admitted(run_of(self._index.find_all(keys, hashes)), left)

    def evict(self, number: int) -> NDArray[np.intp]:
        """Lets the keys go that are worth least, of which there must be so many.

        Returns:
            Their slots, which are free now, in ascending order.
        """
        left = self._leave(number)
        self._free += left.tolist()[::-1]
        return left

    def drop(self, keys: Sequence[Hashable]) -> NDArray[np.intp]:
        """Frees the slots of keys; returns those of the keys that were there."""
        found = self.find_all(keys)
        slots = np.unique(found[found != NONE])
        self._index.remove(slots)
        self._release(slots)
        return slots

    def clear(self) -> NDArray[np.intp]:
        """Lets every key go, and all that is known of those that left; returns their slots."""
        slots, used = self.taken(), slice(self.end)
        self._index.clear()
        self._count = 0
        self._free.clear()
        self.tickets[used] = 0
        self._uses[used] = _HOLE
        self._queued[used] = _NOWHERE
        self.end = 0
        for each in (self._small, self._main, self._ghosts):
            each.clear()
        return slots

    def taken(self) -> NDArray[np.intp]:
        """The slots of all keys."""
        return np.flatnonzero(self.tickets[: self.end])

    def hottest(self, number: int) -> NDArray[np.intp]:
        """The slots of the keys worth most, best first."""
        slots = self.taken()
        worth = -4 * self._uses[slots].astype(np.int16) - self._queued[slots]
        return slots[np.argsort(worth, kind="stable")[:number]]

    def uses(self, slots: NDArray[np.intp]) -> NDArray[np.uint8]:
        """How often the keys in `slots` were used, as far as that counts."""
        return self._uses[slots]

    def _room(self, number: int) -> tuple[Slots, int]:
        """So many free slots, which are free no more; and how many keys left for them."""
        if not self._free and self.end + number <= self.capacity:
            return self._grow(number), 0
        freed = [self._free.pop() for _ in range(min(number, len(self._free)))]
        grown = min(number - len(freed), self.capacity - self.end)
        new = self._grow(grown)
        freed += range(new.start, new.stop)
        left = number - len(freed)
        if not left:
            return run_of(np.array(freed, np.intp)), 0
        slots = self._leave(left)
        if freed:
            slots = np.sort(np.concatenate([np.array(freed, np.intp), slots]))
        return run_of(slots), left

    def _grow(self, number: int) -> slice:
        """So many slots that were never used."""
        self._index.keys += [None] * number
        self.end += number
        return slice(self.end - number, self.end)

    def _enter(self, keys: Sequence[Hashable], hashes: NDArray[np.int64], slots: Slots) -> None:
        """Puts keys in free slots, and the slots in a queue unless they are in one."""
        self._index.enter(keys, hashes, slots)
        self._count += len(keys)
        self.tickets[slots] = np.arange(self.next_ticket, self.next_ticket + len(keys))
        self.next_ticket += len(keys)
        self._uses[slots] = 0
        numbers = numbers_of(slots)
        back = self._ghosts.recall(hashes)
        queued = self._queued[slots]
        if not len(back) and not queued.any():
            self._put_in(self._small, _SMALL, numbers)
        else:
            outside = queued == _NOWHERE
            main = np.zeros(len(keys), bool)
            main[back] = True
            self._put_in(self._small, _SMALL, numbers[outside & ~main])
            self._put_in(self._main, _MAIN, numbers[outside & main])

    def _put_in(self, queue: Fifo, name: int, slots: NDArray[np.intp]) -> None:
        if len(slots):
            self._queued[slots] = name
            queue.push(slots)

    def _leave(self, number: int) -> NDArray[np.intp]:
        """Evicts; returns the slots, in ascending order, which nobody else knows are free."""
        parts: list[NDArray[np.intp]] = []
        ahead = _AHEAD
        while number > 0:
            small, every = len(self._small), len(self._small) + len(self._main)
            if small * SMALL_SHARE >= every:
                least = -(-every // SMALL_SHARE)  # of the small queue
                part = self._from_small(number, small - least + 1, max(ahead, number))
            else:
                most = every - small * SMALL_SHARE
                part = self._from_main(min(number, most), max(ahead, 2 * number))
            number -= len(part)
            ahead *= 2
            parts.append(part)
        left = np.sort(parts[0] if len(parts) == 1 else np.concatenate(parts))
        freed = run_of(left)
        self._index.remove(freed)
        self._count -= len(left)
        self._uses[freed] = _HOLE
        self._queued[freed] = _NOWHERE
        self.tickets[freed] = 0
        return left

    def _from_small(self, number: int, most: int, ahead: int) -> NDArray[np.intp]:
        """Takes from the small queue until `number` leave, or `most` were taken."""
        taken, uses, left = self._look(self._small, number, min(most, ahead))
        stay = taken[(uses > 0) & (uses < _HOLE)]
        if len(stay):
            self._uses[stay] = 0
            self._put_in(self._main, _MAIN, stay)
        self._ghosts.remember(self._index.hashes[left], self._count)
        return left

    def _from_main(self, number: int, ahead: int) -> NDArray[np.intp]:
        """Takes from the main queue until `number` leave, or `ahead` were taken."""
        taken, uses, left = self._look(self._main, number, ahead)
        stay = taken[(uses > 0) & (uses < _HOLE)]
        if len(stay):
            self._uses[stay] -= 1
            self._main.push(stay)
        return left

    def _look(
        self, queue: Fifo, number: int, ahead: int
    ) -> tuple[NDArray[np.intp], NDArray[np.uint8], NDArray[np.intp]]:
        """Takes from a queue until `number` are unused: all it took, their uses, the unused."""
        first = queue.first(ahead)
        uses = self._uses[first]
        unused = np.flatnonzero(uses == 0)
        if len(unused) >= number:
            unused = unused[:number]
            first, uses = first[: unused[-1] + 1], uses[: unused[-1] + 1]
        taken = queue.pop(len(first))
        if len(unused) == len(taken):
            return taken, uses, taken
        self._queued[taken[uses == _HOLE]] = _NOWHERE
        return taken, uses, taken[unused]

    def _release(self, slots: NDArray[np.intp]) -> None:
        """Notes that slots are free; they keep their places in the queues."""
        self._count -= len(slots)
        self._uses[slots] = _HOLE
        self.tickets[slots] = 0
        self._free += slots.tolist()


def _once(keys: Sequence[Hashable], found: NDArray[np.intp]) -> list[Hashable]:
    """The keys that were not found, each once."""
    return list(dict.fromkeys(keys[at] for at in np.flatnonzero(found == NONE).tolist()))
