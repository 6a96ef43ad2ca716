"""The seal of a point: what it ought to be, in four numbers that are stored with it.

They are made from the records' own values, before a tier makes a point of them. Whoever reads the
point makes three of them again from what is stored: so a point that was altered, in a vector or in
its payload, is noticed where it is, without its vectors being moved.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import to_json

from sophia_cli.memory.model import IndexEntry, Vector
from sophia_cli.memory.wire import memory_to_text


class Seal(NamedTuple):
    """The four numbers.

    Attributes:
        digest: of all that the entry is made of (`memory.digest`), 64 bits, signed.
        fields: a hash of what is stored beside the vectors, 64 bits, signed.
        dense, context: the cosine of each vector with `direction`.
    """

    digest: int
    fields: int
    dense: float
    context: float


def seal_of(entry: IndexEntry, digest: int) -> Seal:
    """The seal of an entry, whatever seal it carries."""
    towards = direction(len(entry.dense))
    dense, context = (float(np.dot(each, towards)) for each in (entry.dense, entry.context))
    return Seal(digest, hash_of(memory_to_text(entry.memory), *_fields(entry)), dense, context)


def hash_of(text: str, *fields: Any) -> int:
    """A hash of the memory as a text and of its other fields, in the order of `_fields`."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8)
    digest.update(b"\0" + to_json(fields))
    return int.from_bytes(digest.digest(), "big", signed=True)


@lru_cache(maxsize=4)
def direction(dimension: int) -> Vector:
    """Where all vectors are measured: 1 or -1 by chance in each place, float32, normalised."""
    drawn = hashlib.shake_256(b"sophia").digest(-(-dimension // 8))
    signs = np.unpackbits(np.frombuffer(drawn, np.uint8))[:dimension] * 2.0 - 1.0
    vector: Vector = (signs / np.sqrt(dimension)).astype(np.float32)
    vector.setflags(write=False)
    return vector


def _fields(entry: IndexEntry) -> tuple[Any, ...]:
    return (
        entry.user,
        entry.agent,
        entry.session,
        entry.turn,
        entry.speaker,
        entry.at,
        list(entry.tags),
        list(entry.shape),
    )
