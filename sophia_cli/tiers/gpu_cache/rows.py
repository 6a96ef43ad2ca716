"""The vectors of recent questions and hot memories: what may be kept of them, and asked."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.model import Vector
from sophia_cli.tiers.gpu_cache.key_index import NONE
from sophia_cli.tiers.gpu_cache.key_slots import Located
from sophia_cli.tiers.gpu_cache.slab import Floats, Opener, Slab
from sophia_cli.tiers.gpu_cache.stats import Figures
from sophia_cli.tiers.gpu_cache.table import Table

_FLOAT16 = 65504.0  # its greatest number
_PRODUCTS = 1 << 24  # products of a search that are held at once: 64 MiB

Named = list[tuple[Hashable, float]]


class Rows:
    """Vectors by key, at an epoch. Threads may share it. It never raises for the device's sake.

    A vector of another dimension, or with a number that is not finite, is refused; a query of that
    kind finds nothing.

    Args:
        budget: bytes of device memory; with 0 nothing is kept.
    """

    def __init__(self, budget: int) -> None:
        self.table = Table()
        self._budget = budget
        self._hits = self._misses = self._refused = 0

    def open(self, opener: Opener, dimension: int) -> None:
        """Takes the memory; what was kept before is gone."""
        if self._budget:
            self.table.open(opener, dimension, self._budget)

    def put(self, keys: Sequence[Hashable], vectors: Floats, epoch: Hashable = None) -> int:
        """Keeps vectors, replacing those of keys that are there; returns how many it took.

        Args:
            vectors: float32, (len(keys), dimension), L2-normalised.
            epoch: they are found at this epoch only; None for what does not age.
        """
        if self.table.slab is None or not keys:
            return 0
        rows = np.require(vectors, np.float32, ["C", "W"])
        if not self._fit(rows, len(keys)):
            with self.table.lock:
                self._refused += len(keys)
            return 0
        return self.table.put(keys, rows, epoch)

    def get(self, key: Hashable, epoch: Hashable = None) -> Vector | None:
        """The vector kept under `key` at `epoch`."""
        found = self.table.read(lambda: self._run(key, epoch), lambda slab, run: slab.read(run))
        return None if found is None else found[0]

    def similarity(
        self,
        query: Vector,
        keys: Sequence[Hashable],
        epoch: Hashable = None,
        *,
        counted: bool = True,
    ) -> Floats:
        """The product of a vector with the rows of `keys`, in one batch: float32, (len(keys),).

        NaN where a key is not there at this epoch.

        Args:
            counted: this is a use of those rows, for the hit rate and for eviction.
        """
        return self._products(query, len(keys), lambda: self._slots(keys, epoch, counted))

    def products(self, query: Vector, located: Located) -> Floats:
        """`similarity` with rows without an epoch that are looked for often; not counted.

        No Python runs for a key that lies where it lay. `located` is brought up to date.
        """

        def find() -> NDArray[np.intp]:
            there = self.table.keys.locate(located)
            there &= self.table.marks.shown(located.slots, None)
            return np.where(there, located.slots, NONE)

        return self._products(query, len(located.slots), find)

    def top_k(self, queries: Floats, k: int, epoch: Hashable = None) -> list[Named]:
        """For each query the keys of the `k` greatest products over all rows at `epoch`.

        Args:
            queries: float32, (n, dimension), L2-normalised.

        Returns:
            Keys and products, best first; fewer than `k` where there are fewer rows.
        """
        queries = np.require(queries, np.float32, ["C", "W"])
        nothing: list[Named] = [[] for _ in queries]
        if k < 1 or not self._fit(queries, len(queries)):
            return nothing

        def work(slab: Slab, hidden: NDArray[np.bool_]) -> list[Named]:
            count = len(hidden)
            step = max(1, _PRODUCTS // count)
            mask = hidden if hidden.any() else None
            named: list[Named] = []
            for start in range(0, len(queries), step):
                part = queries[start : start + step]
                found = slab.best(part, count, min(k, count), mask)
                named += (self._named(*one) for one in zip(*found, strict=True))
            return named

        return self.table.read(lambda: self._hidden(epoch), work) or nothing

    def touch(self, key: Hashable) -> None:
        """Notes that the row of a key was used."""
        with self.table.lock:
            slot = self.table.keys.find(key)
            if slot is not None:
                self.table.keys.touch(slot)

    def drop(self, keys: Sequence[Hashable]) -> int:
        """Erases rows, on the device too; returns how many there were."""
        return self.table.drop(keys)

    def clear(self) -> int:
        """Erases every row, on the device too; returns how many there were."""
        return self.table.drop()

    def figures(self) -> Figures:
        """The account."""
        table = self.table
        with table.lock:
            return Figures(
                entries=len(table.keys),
                bytes=len(table.keys) * table.row_bytes,
                budget=table.capacity * table.row_bytes,
                hits=self._hits,
                misses=self._misses,
                evictions=table.evictions,
                refused=self._refused,
            )

    def _fit(self, rows: Floats, count: int) -> bool:
        if rows.shape != (count, self.table.dimension):
            return False
        # One pass that is quicker than any other: none is NaN or too large for a float16.
        flat = rows.reshape(-1)
        with np.errstate(all="ignore"):
            return bool(np.dot(flat, flat) < _FLOAT16**2)

    def _products(self, query: Vector, count: int, find: Callable[[], NDArray[np.intp]]) -> Floats:
        """The products with the rows in the `count` slots that `find` finds."""
        queries = np.require(query, np.float32, ["C", "W"]).reshape(1, -1)
        nothing = np.full(count, np.nan, np.float32)
        if not self._fit(queries, 1):
            return nothing

        def plan() -> NDArray[np.intp] | None:
            slots = find()
            return slots if (slots != NONE).any() else None

        def work(slab: Slab, slots: NDArray[np.intp]) -> Floats:
            there = slots != NONE
            if there.all():
                products: Floats = slab.products(queries, slots)[0]
                return products
            found = nothing.copy()
            found[there] = slab.products(queries, slots[there])[0]
            return found

        found = self.table.read(plan, work)
        return nothing if found is None else found

    def _run(self, key: Hashable, epoch: Hashable) -> slice | None:
        """The slot of one key, which is used now; quicker than `_slots`."""
        slot = self.table.keys.find(key)
        if slot is None or not self.table.marks.is_shown(slot, epoch):
            self._misses += 1
            return None
        self._hits += 1
        self.table.keys.touch(slot)
        return slice(slot, slot + 1)

    def _slots(
        self, keys: Sequence[Hashable], epoch: Hashable, counted: bool = True
    ) -> NDArray[np.intp]:
        """The slots of keys, -1 where there is none at this epoch."""
        slots = self.table.keys.find_all(keys)
        there = (slots != NONE) & self.table.marks.shown(slots, epoch)
        slots[~there] = NONE
        if counted:
            self.table.keys.touch(slots[there])
            hits = int(np.count_nonzero(there))
            self._hits += hits
            self._misses += len(keys) - hits
        return slots

    def _hidden(self, epoch: Hashable) -> NDArray[np.bool_] | None:
        hidden = self.table.marks.hidden(self.table.keys.end, epoch)
        return None if hidden.all() else hidden

    def _named(self, products: Floats, slots: NDArray[np.intp]) -> Named:
        keys = self.table.keys.keys
        return [
            (keys[slot], product)
            for product, slot in zip(products.tolist(), slots.tolist(), strict=True)
            if product > -np.inf
        ]
