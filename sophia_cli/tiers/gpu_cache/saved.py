"""Rows on their way from one slab to a smaller one, by way of this machine's memory."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from sophia_cli.tiers.gpu_cache.key_slots import KeySlots
from sophia_cli.tiers.gpu_cache.marks import Marks
from sophia_cli.tiers.gpu_cache.slab import Floats, Slab

_CHUNK = 4096  # rows that are read at once


@dataclass(frozen=True, slots=True)
class Saved:
    """A row, and what is known of it. `uses` is how often it was used, as far as that counts."""

    key: Hashable
    values: Floats
    uses: int
    epoch: Hashable


def save_hottest(slab: Slab, keys: KeySlots, marks: Marks, count: int) -> list[Saved]:
    """At most `count` rows that can be found, those worth most first. Raises what the slab does."""
    epochs = marks.epochs()
    slots = keys.hottest(count)
    slots = slots[marks.numbers(slots) > 0]
    saved: list[Saved] = []
    for start in range(0, len(slots), _CHUNK):
        part = slots[start : start + _CHUNK]
        saved += (
            Saved(keys.keys[slot], row, uses, epochs[number])
            for slot, row, uses, number in zip(
                part.tolist(),
                slab.read(part),
                keys.uses(part).tolist(),
                marks.numbers(part).tolist(),
                strict=True,
            )
        )
    return saved


def restore(saved: Sequence[Saved], keys: KeySlots, marks: Marks) -> None:
    """Enters rows that stand in the first slots of a new slab, in this order."""
    keys.admit([row.key for row in saved])
    for slot, row in enumerate(saved):
        marks.show(slice(slot, slot + 1), row.epoch)
        for _ in range(row.uses):
            keys.touch(slot)
