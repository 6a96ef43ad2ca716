"""What a collection looks like, said once for the engine in process and for the servers.

Two dense vectors (the memory's own text, and the same mixed with its neighbours) and two sparse
ones (BM25 over the same two texts), a payload to filter by, and the indexes of that payload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sophia_cli.memory.model import IndexEntry, Memory, Vector, Where
from sophia_cli.memory.wire import memory_from_text, memory_to_text
from sophia_cli.tiers.vectors.names import MEMORY, TIME

AVERAGE_WORDS = 24.0
"""How long a text is to BM25 on average: about as long as a turn."""

BM25_K1 = 1.2
BM25_B = 0.75
BM25_LANGUAGE = "english"
"""Chooses the stop words and the Snowball stemmer."""

LAYOUT = 6
"""Grows with every change of what the engine in process stores: an older one is built anew."""


def payload(entry: IndexEntry) -> dict[str, Any]:
    """What is stored beside the vectors; a field without a value is left out."""
    fields = {
        "user": entry.user,
        "agent": entry.agent,
        "session": entry.session,
        "thread": _thread(entry),
        "turn": entry.turn,
        "speaker": entry.speaker,
        TIME: entry.at,
        "shape": list(entry.shape),
        "tags": list(entry.tags) or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def whole(entry: IndexEntry) -> dict[str, str]:
    """The memory itself, as it is stored beside the rest of the payload."""
    return {MEMORY: encodable(memory_to_text(entry.memory))}


def memory_of(payload: Mapping[str, Any] | None) -> Memory | None:
    """The memory that a payload holds; None where it holds none that can be read."""
    return memory_from_text((payload or {}).get(MEMORY))


def _thread(entry: IndexEntry) -> str | None:
    """A session and whose it is: two users may give theirs the same name."""
    if entry.session is None:
        return None
    return f"{entry.user or ''}\x1f{entry.agent or ''}\x1f{entry.session}"


def scope(entry: IndexEntry) -> list[str]:
    """What an entry can be found by, as `SCOPE` holds it: `["user=ana", "tags=team=platform"]`."""
    single = (("user", entry.user), ("agent", entry.agent), ("session", entry.session))
    named = [f"{name}={value}" for name, value in single if value is not None]
    return named + [f"tags={tag}" for tag in entry.tags]


def encodable(text: str) -> str:
    """The text with a question mark for what UTF-8 cannot hold: half a surrogate, from an argv."""
    return text.encode("utf-8", "replace").decode()


def matches(where: Where) -> list[tuple[str, str]]:
    """The fields that must hold a value, every one of them: `[("user", "ana"), ...]`."""
    exact = [("user", where.user), ("agent", where.agent), ("session", where.session)]
    given = [(name, value) for name, value in exact if value is not None]
    return given + [("tags", f"{key}={value}") for key, value in where.tags.items()]


def span(where: Where) -> tuple[float | None, float | None]:
    """The bounds of `TIME`, start included and end not; None where it is open."""
    return (
        where.since.timestamp() if where.since else None,
        where.until.timestamp() if where.until else None,
    )


def check_vector(vector: Vector, dimension: int, name: str) -> None:
    """Refuses what the engine would store without complaint and never find again.

    Raises:
        ValueError: another length than `dimension`, or a value that is not finite.
    """
    if vector.shape != (dimension,):
        raise ValueError(f"{name}: shape {vector.shape}, expected ({dimension},)")
    if not np.isfinite(vector).all():
        raise ValueError(f"{name}: not finite")


def check_entries(entries: Sequence[IndexEntry], dimension: int) -> None:
    """Checks the vectors of all entries, before any of them is written.

    Raises:
        ValueError: a vector of another length, or with a value that is not finite.
    """
    for entry in entries:
        check_vector(entry.dense, dimension, f"dense vector of {entry.id}")
        check_vector(entry.context, dimension, f"context vector of {entry.id}")
