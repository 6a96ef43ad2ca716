"""Keys to rows of one slab: written, read without a lock, evicted, and saved when memory fails.

A row is hidden while it is written, and shown once it stands. Readers hold no lock while the
device works: a reader that finds afterwards that rows were replaced meanwhile reads once more,
with the writers waiting. So nobody waits for a search over all rows, and nothing read is torn.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sophia_cli.logs.events import log
from sophia_cli.tiers.gpu_cache.failure import Failure, failure_of
from sophia_cli.tiers.gpu_cache.key_slots import KeySlots
from sophia_cli.tiers.gpu_cache.marks import Marks
from sophia_cli.tiers.gpu_cache.saved import Saved, restore, save_hottest
from sophia_cli.tiers.gpu_cache.slab import Floats, Opener, Slab
from sophia_cli.tiers.gpu_cache.slots import Slots, differ

P = TypeVar("P")
T = TypeVar("T")

LEAST = 64
"""A slab of fewer rows is not worth having: the tier goes without."""

_CHUNK = 4096  # rows that are erased at once
_BATCHES = 16  # that fill a slab, at least
_BATCH = 1024  # rows for which others leave while `lock` is held
_NOTES = 20


class Table:
    """Rows by key. Threads may share it. It never raises for the device's sake.

    Attributes:
        lock: held while keys, marks and counts are read together; for moments only.
        state: `closed`, `open`, or `off`.
        shrunk: how often the slab was halved.
        notes: what went wrong.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.state = "closed"
        self.capacity = 0
        self.dimension = 0
        self.row_bytes = 0
        self.slab: Slab | None = None
        self.keys = KeySlots(0)
        self.marks = Marks(0)
        self.evictions = 0
        self.shrunk = 0
        self.notes: list[str] = []
        # Held by whoever writes, shrinks, or needs everything to stand still; outside of `lock`.
        self._writing = threading.RLock()
        self._opener: Opener | None = None
        self._generation = 0

    def open(self, opener: Opener, dimension: int, budget: int) -> None:
        """Takes the memory: as many rows as the budget holds, or fewer where there is less."""
        with self._writing:
            self._let_go("closed")
            self._opener, self.dimension = opener, dimension
            self.row_bytes = opener.row_bytes(dimension)
            self._allocate(budget // self.row_bytes)

    def close(self) -> None:
        """Gives the memory back; nothing is found from now on."""
        with self._writing:
            self._let_go("closed")

    def put(self, keys: Sequence[Hashable], rows: Floats, epoch: Hashable) -> int:
        """Writes rows under keys; returns how many: all, or none where there is no slab."""
        with self._writing:
            while self.slab is not None:
                try:
                    self._put(self.slab, keys, rows, epoch)
                    return len(keys)
                except Exception as error:
                    failure = failure_of(error)
                self._survive(failure)
            return 0

    def read(self, plan: Callable[[], P | None], work: Callable[[Slab, P], T]) -> T | None:
        """What `work` makes of the slab; None where `plan` finds nothing, or there is no slab.

        Args:
            plan: called with `lock` held, to find out where to read.
            work: reads there, and names what it read; it may be repeated.
        """
        with self.lock:
            slab, generation = self.slab, self._generation
            planned = None if slab is None else plan()
        if slab is None or planned is None:
            return None
        with contextlib.suppress(Exception):  # it is tried again below, where failing counts
            result = work(slab, planned)
            # With the lock: who claims slots gives them to other keys before it counts.
            with self.lock:
                if self._generation == generation:
                    return result
        with self._writing:
            while self.slab is not None:
                with self.lock:
                    planned = plan()
                if planned is None:
                    return None
                try:
                    return work(self.slab, planned)
                except Exception as error:
                    failure = failure_of(error)
                self._survive(failure)
        return None

    def drop(self, keys: Sequence[Hashable] | None = None) -> int:
        """Erases rows, all of them by default, on the device too; returns how many there were."""
        with self._writing:
            with self.lock:
                slots = self.keys.clear() if keys is None else self.keys.drop(keys)
                erased = slots
                self._generation += 1
                self.marks.hide(slots)
            while self.slab is not None:
                try:
                    _erase(self.slab, erased, self.dimension)
                    break
                except Exception as error:
                    failure = failure_of(error)
                self._survive(failure)
                erased = slots[:0]  # a new slab holds only what was shown
            return len(slots)

    def _put(self, slab: Slab, keys: Sequence[Hashable], rows: Floats, epoch: Hashable) -> None:
        # Only as many at a time: a long batch drives out its own beginning, not what is used.
        step = len(keys)
        if len(self.keys) + len(keys) > self.capacity:
            step = min(self.capacity // _BATCHES, _BATCH)
        for start in range(0, len(keys), step or 1):
            part = slice(start, start + step)
            with self.lock:
                slots = self._claim(keys[part])
            written = rows[part]
            if not isinstance(slots, slice) and not differ(slots):
                # A key that is named twice has its last row.
                last = dict(zip(slots.tolist(), range(len(slots)), strict=True))
                slots, written = np.array(list(last), np.intp), written[list(last.values())]
            slab.write(slots, written)
            with self.lock:
                self.marks.show(slots, epoch)

    def _claim(self, keys: Sequence[Hashable]) -> Slots:
        """The slots of keys, whose rows are hidden now; others have left for them."""
        never_used = self.keys.end
        slots, left = self.keys.admit(keys)
        self.evictions += left
        if not (isinstance(slots, slice) and slots.start >= never_used):
            self.marks.hide(slots)
            self._generation += 1
        return slots

    def _survive(self, failure: Failure) -> None:
        """Halves the slab and keeps the hottest rows; a device that is broken is done without."""
        if not failure.of_memory or self.slab is None:
            self._fail(failure.text)
            return
        log.warning("device memory was too small", rows=self.capacity)
        self._note(f"{self.capacity} rows were too many: {failure.text}")
        self.shrunk += 1
        capacity = self.capacity // 2
        kept = self._saved(self.slab, capacity)
        self._let_go(self.state)
        self._allocate(capacity)
        if self.slab is None:
            return
        kept = kept[: self.capacity]
        try:
            rows = np.array([row.values for row in kept], np.float32).reshape(-1, self.dimension)
            self.slab.write(slice(0, len(kept)), rows)
        except Exception as error:
            failure = failure_of(error)
        else:
            with self.lock:
                restore(kept, self.keys, self.marks)
            return
        self._survive(failure)

    def _saved(self, slab: Slab, count: int) -> list[Saved]:
        try:
            return save_hottest(slab, self.keys, self.marks, count)
        except Exception as error:
            self._note(f"no row could be saved: {failure_of(error).text}")
            return []

    def _allocate(self, capacity: int) -> None:
        """Takes memory for `capacity` rows, or for as many as there is room for."""
        assert self._opener is not None  # noqa: S101
        while capacity >= LEAST:
            try:
                slab = self._opener.open(capacity, self.dimension)
                marks, keys = Marks(capacity), KeySlots(capacity, self.keys.next_ticket)
            except Exception as error:
                failure = failure_of(error)
            else:
                with self.lock:
                    self.keys, self.marks, self.slab = keys, marks, slab
                    self.capacity, self.state = capacity, "open"
                log.info("device opened", device=slab.device, rows=capacity)
                return
            if not failure.of_memory:
                self._fail(failure.text)
                return
            self._note(f"there is no room for {capacity} rows: {failure.text}")
            self.shrunk += 1
            capacity //= 2
        self._fail("there is no room for vectors")

    def _fail(self, reason: str) -> None:
        self._let_go("off", reason)
        log.warning("device failed", cause=reason)

    def _let_go(self, state: str, note: str = "") -> None:
        with self.lock:
            slab, self.slab = self.slab, None
            self.keys, self.marks = KeySlots(0, self.keys.next_ticket), Marks(0)
            self.capacity, self.state = 0, state
            self._generation += 1
        if note:
            self._note(note)
        if slab is not None:
            with contextlib.suppress(Exception):  # a broken device may not even let go
                slab.release()

    def _note(self, note: str) -> None:
        self.notes = [*self.notes, note][-_NOTES:]


def _erase(slab: Slab, slots: NDArray[np.intp], dimension: int) -> None:
    for start in range(0, len(slots), _CHUNK):
        part = slots[start : start + _CHUNK]
        slab.write(part, np.zeros((len(part), dimension), np.float32))
