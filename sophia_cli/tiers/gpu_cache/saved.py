"""Rows on their way from one slab to a smaller one, by way of this machine's memory."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from sophia_cli.tiers.gpu_cache.eviction import S3Fifo
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


def save_hottest(slab: Slab, keys: S3Fifo[Hashable], marks: Marks, count: int) -> list[Saved]:
    """At most `count` rows that can be found, those worth most first. Raises what the slab does."""
    epochs = marks.epochs()
    shown = [
        (key, slot, uses, epochs[number])
        for key, slot, uses in keys.hottest(count)
        if (number := marks.number(slot))
    ]
    saved: list[Saved] = []
    for start in range(0, len(shown), _CHUNK):
        part = shown[start : start + _CHUNK]
        values = slab.read(np.array([slot for _, slot, _, _ in part], np.intp))
        saved += (
            Saved(key, row, uses, epoch)
            for (key, _, uses, epoch), row in zip(part, values, strict=True)
        )
    return saved


def restore(saved: Sequence[Saved], keys: S3Fifo[Hashable], marks: Marks) -> None:
    """Enters rows that stand in the first slots of a new slab, in this order."""
    keys.admit([row.key for row in saved])
    for slot, row in enumerate(saved):
        marks.show(slice(slot, slot + 1), row.epoch)
        for _ in range(row.uses):
            keys.touch(slot)
