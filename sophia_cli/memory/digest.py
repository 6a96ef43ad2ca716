"""The digest of a point: one number for all that it is made of, as the records have it now.

It is made twice, from the same rows: here for a point that is written, which keeps it, and in
PostgreSQL (`tiers.records.digests`) for what ought to be there. Where the two differ, the point is
not what the records say. So the two must say the same of every memory; a test compares them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sophia_cli.memory.model import Vector


@dataclass(frozen=True, slots=True)
class RowDigest:
    """What the records say of a row.

    Attributes:
        said: sha256 of its content, speaker and time: all that a neighbour's point holds of it.
        row: sha256 of `said` and of everything else.
    """

    said: bytes
    row: bytes


def point_digest(
    own: RowDigest, vector: Vector, around: Mapping[int, tuple[RowDigest, Vector | None]]
) -> int:
    """A signed number of 64 bits.

    Args:
        own: of the memory's row.
        vector: of the memory's text, as the records have it.
        around: of its neighbours in the session, by their place: -2, -1, 1, 2; the vector is None
            for one that has none.
    """
    digest = hashlib.sha256(own.row + _digest_of(vector))
    for place in sorted(around):
        row, beside = around[place]
        digest.update(bytes([place & 0xFF]) + row.said)
        digest.update(b"" if beside is None else _digest_of(beside))
    return int.from_bytes(digest.digest()[:8], "big", signed=True)


def _digest_of(vector: Vector) -> bytes:
    return hashlib.sha256(vector.astype("<f4").tobytes()).digest()
