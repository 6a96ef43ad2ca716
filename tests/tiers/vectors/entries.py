"""Index entries to test with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.model import IndexEntry, Kind, Memory, Vector
from sophia_cli.memory.shape import Shape

DIMENSION = 16


def unit(seed: int, dimension: int = DIMENSION) -> Vector:
    """A direction at random."""
    vector = np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def numbered(number: int) -> UUID:
    """The same id for the same number, shaped like a UUIDv7."""
    return UUID(int=(0x0190_0000_0000_7000 << 64) | 0x8000_0000_0000_0000 | number)


def entry(number: int, text: str = "", kind: Kind = Kind.CODING, **changes: Any) -> IndexEntry:
    """An entry whose vectors follow from its number."""
    fields: dict[str, Any] = {
        "id": numbered(number),
        "kind": kind,
        "dense": unit(number),
        "context": unit(number + 1_000_000),
        "text": text or f"entry {number}",
        "around": {},
        "user": None,
        "agent": None,
        "session": None,
        "turn": None,
        "speaker": None,
        "at": 1_700_000_000.0 + number,
        "tags": (),
        "shape": Shape(0, 2, 0, 1, 0, 0),
        "memory": memory(number, text or f"entry {number}", kind),
    }
    return IndexEntry(**(fields | changes))


def memory(number: int, content: str, kind: Kind = Kind.CODING, **changes: Any) -> Memory:
    """The memory of an entry."""
    stored = datetime(2026, 11, 1, 12, 0, number % 60, 250, tzinfo=UTC)
    none = ("user", "agent", "session", "turn", "speaker", "said_at", "valid_to", "expires_at")
    fields: dict[str, Any] = dict.fromkeys((*none, "forgotten_at"))
    fields |= dict.fromkeys(("valid_from", "created_at", "updated_at"), stored)
    fields |= {"id": numbered(number), "kind": kind, "content": content, "tags": {"a": "b"}}
    return Memory(**(fields | {"model": "m", "version": 1} | changes))


def matrix(entries: Sequence[IndexEntry], name: str = "dense") -> NDArray[np.float32]:
    """The vectors of entries, (n, dimension)."""
    return np.stack([getattr(one, name) for one in entries])
