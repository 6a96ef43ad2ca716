"""Points compared in full with what they ought to be: nothing is left to a digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sophia_cli.memory.model import IndexEntry, Vector
from sophia_cli.memory.seal import Seal
from sophia_cli.tiers.vectors import sparse
from sophia_cli.tiers.vectors.names import DENSE, MEMORY
from sophia_cli.tiers.vectors.schema import memory_of
from sophia_cli.tiers.vectors.seal import NONE, SEAL, digest_of, seal_in

WORDS = "bm25_context"
# A server may normalise once more, and keeps 32 bits.
_CLOSE = 1e-4


def difference(
    entry: IndexEntry,
    wanted: Mapping[str, Any],
    payload: Mapping[str, Any] | None,
    vectors: Mapping[str, Any],
) -> str:
    """In which part a point differs from its entry; empty where it does not.

    A point that has no seal of this version may go without; another model's name in the memory
    beside it is none of what the point is.

    Args:
        wanted: the payload that the entry is stored with.
        vectors: each of `DENSE` as numbers, `WORDS` as value by index.

    Returns:
        `dense`, `context`, `words`, `payload` or `seal`: the first that differs.
    """
    for name in DENSE:
        right: Vector = getattr(entry, name)
        found = np.asarray(vectors.get(name) or (), np.float32)
        if found.shape != right.shape or not np.allclose(found, right, rtol=0, atol=_CLOSE):
            return name
    if not _same_words(entry, vectors.get(WORDS) or {}):
        return "words"
    fields = dict(payload or {})
    apart = (SEAL, MEMORY)
    if {name: value for name, value in fields.items() if name not in apart} != {
        name: value for name, value in wanted.items() if name not in apart
    }:
        return "payload"
    stored = memory_of(payload)
    if stored is None or replace(stored, model=entry.memory.model) != entry.memory:
        return "payload"
    return "seal" if _is_another(entry.seal, payload) else ""


def _is_another(seal: Seal | None, payload: Mapping[str, Any] | None) -> bool:
    """Whether a point carries a seal, and one that is not its own."""
    stored = seal_in(payload)
    if stored is None or seal is None:
        return False
    # That of the fields is over the memory as it was written, which may name another model.
    fields = digest_of(payload, stored.dense, stored.context) != NONE
    return not (
        fields
        and stored.digest == seal.digest
        and abs(stored.dense - seal.dense) < _CLOSE
        and abs(stored.context - seal.context) < _CLOSE
    )


def _same_words(entry: IndexEntry, found: Mapping[int, float]) -> bool:
    right = sparse.in_context(entry.text, entry.around)
    wanted = dict(zip(right.indices, right.values, strict=True))
    return wanted.keys() == found.keys() and all(
        abs(value - found[index]) < _CLOSE for index, value in wanted.items()
    )
