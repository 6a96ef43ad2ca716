"""What the GPU tier says about itself: counted as it happens, never estimated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """The account of one half of the tier, since its start.

    Attributes:
        bytes: what the entries take of `budget`.
        refused: entries that were not taken: of another dimension, not finite, or too large.
    """

    entries: int
    bytes: int
    budget: int
    hits: int
    misses: int
    evictions: int
    refused: int


@dataclass(frozen=True, slots=True)
class Stats:
    """The whole tier.

    Attributes:
        state: `closed` (not opened yet, or closed again), `open`, or `off`: it goes without
            vectors, and the last of `notes` says why.
        device: its name, e.g. `NVIDIA H100 80GB HBM3`, or `cpu`; empty unless open.
        library: `torch` or `numpy`, with its version.
        dtype: of the rows, `float16` or `float32`.
        capacity: rows that the slab holds when it is full.
        shrunk: how often the slab was halved for want of device memory.
        notes: what went wrong, oldest first; the last 20.
        near_hits: questions that were close enough to one answered before; each is a hit of the
            answers as well.
        near_misses: those that were not.
    """

    state: str
    device: str
    library: str
    dtype: str
    capacity: int
    vectors: Figures
    answers: Figures
    shrunk: int
    notes: tuple[str, ...]
    near_hits: int
    near_misses: int
