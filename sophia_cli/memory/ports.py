"""What the service needs of its tiers: one small Protocol each.

The domain states what it needs here and imports no tier; the tiers implement it without knowing
each other. Every call may raise `TierDown`, within the tier's time-out; nothing hangs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.model import Candidates, IndexEntry, Kind, Memory, Vector, Where


class Embedder(Protocol):
    """Text to vectors."""

    @property
    def model(self) -> str:
        """The model's name as it is stored with every memory, e.g. `all-MiniLM-L6-v2-int8`."""

    @property
    def dimension(self) -> int:
        """The length of a vector; learned from the model itself."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns float32, (len(texts), dimension), L2-normalised, in the order of `texts`."""

    def close(self) -> None:
        """Releases sessions and connections."""


class Vectors(Protocol):
    """The vector store: one collection a kind, derived from the records."""

    def upsert(self, kind: Kind, entries: Sequence[IndexEntry]) -> None:
        """Writes entries by id; repeating it changes nothing. Returns once they are searchable."""

    def delete(self, kind: Kind, ids: Sequence[UUID]) -> None:
        """Removes points by id; an id that is not there is not an error."""

    def candidates(
        self, kind: Kind, dense: Vector, text: str, where: Where, limit: int
    ) -> Candidates:
        """The union of the best `limit` of each of `BRINGING`, scored by all of `SIGNALS`.

        A signal that did not bring a candidate gives it the lowest score that it brought; the
        cosine with the vector `dense` brings none and is that of each. `dense` searches the vector
        `context`; `text` is scored by BM25 (k1 1.2, English stop words and stemmer) over `text`
        together with `around`.
        """

    def nearest(
        self, kind: Kind, dense: Vector, where: Where, limit: int
    ) -> list[tuple[UUID, float]]:
        """The best `limit` by cosine of `dense` alone, best first."""

    def present(self, kind: Kind, ids: Sequence[UUID]) -> set[UUID]:
        """Which of `ids` are in the store: for proof of erasure and repair."""

    def memories(self, kind: Kind, ids: Sequence[UUID]) -> dict[UUID, Memory]:
        """The memories as they were when they were indexed: for while the records are down.

        What is not there, or cannot be read, is left out.
        """

    def ids(self, kind: Kind) -> Iterator[UUID]:
        """All ids of a collection, in the store's order."""

    def count(self, kind: Kind) -> int:
        """How many points a collection holds."""

    def bytes_on_disk(self) -> int | None:
        """What all collections take on this machine's disk; None where servers keep them."""

    def reset(self, kind: Kind, dimension: int) -> None:
        """Drops the collection and creates it empty, for vectors of this length from now on.

        The first step of a rebuild from scratch, and of a change of model: all kinds at once.
        """

    def flush(self) -> None:
        """Makes what was written survive a loss of power; a no-op where the server sees to it."""

    def close(self) -> None:
        """Flushes and releases everything; the object is not used afterwards."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some points in the order of their ids.

    Attributes:
        digests: of each, as its seal says it; 0 where it has none or is not what it says.
        following: where the next page starts; None after the last one.
    """

    ids: Sequence[UUID]
    digests: Sequence[int]
    following: UUID | None


class Copy(Protocol):
    """One copy of the points, read as it is: the vectors in process, or the replicas of one peer.

    Reading it changes nothing. Every call may raise `TierDown`.
    """

    def count(self, kind: Kind) -> int:
        """How many points it holds."""

    def page(self, kind: Kind, start: UUID | None, limit: int) -> Page:
        """The points from `start` on, each looked at whole; gives way to those who recall."""

    def present(self, kind: Kind, ids: Sequence[UUID]) -> set[UUID]:
        """Which of these points it has."""

    def differing(self, kind: Kind, entries: Sequence[IndexEntry]) -> dict[UUID, str]:
        """The points that are not what they ought to be, compared in full.

        Returns:
            For each the part that differs: `missing`, `dense`, `context`, `words`, `payload` or
            `seal`.
        """

    def memories(self, kind: Kind, ids: Sequence[UUID]) -> dict[UUID, Memory]:
        """The memories as they were indexed; what cannot be read is left out."""


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """What the server of a hot cache says of itself; None for what it does not tell.

    All of it since the server started, and by everybody who uses that server.

    Attributes:
        bytes: memory in use.
        entries: keys.
        hits, misses: keys that were read and were there, or were not.
        evictions: keys that had to go for others.
    """

    bytes: int | None = None
    entries: int | None = None
    hits: int | None = None
    misses: int | None = None
    evictions: int | None = None


class HotCache(Protocol):
    """Bytes by key with a lifetime: answers and query vectors. Never the only copy of anything."""

    def get(self, key: str) -> bytes | None:
        """The value, or None when it is absent or has expired."""

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Stores a value for `seconds`; nothing is stored for a lifetime of 0 or less."""

    def drop(self, prefix: str) -> int:
        """Erases every key that starts with `prefix`; returns how many went."""

    def entries(self, prefix: str, limit: int) -> Iterator[tuple[str, bytes | None]]:
        """Keys that start with `prefix` and their values, `limit` at most, in any order.

        None is the value of a key that does not hold what was put there under it.
        """

    def figures(self) -> CacheFigures | None:
        """What the server says of itself; None where there is no cache."""

    def close(self) -> None:
        """Releases connections."""
