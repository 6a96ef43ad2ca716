"""What the hot cache keeps of this store, looked at from outside: epochs, and which memories."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from sophia_cli.memory.model import Kind

_EPOCH = re.compile(r"answer:([a-z=0-9,]+):[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Kept:
    """One entry of the hot cache.

    Attributes:
        key: without the store's id.
        genuine: whether it is what was put there under this key, and can be read.
        epochs: of an answer, at which epoch of each kind it was given.
        memories: of an answer, the memories in it.
    """

    key: str
    genuine: bool
    epochs: Mapping[Kind, int]
    memories: tuple[UUID, ...] = ()


def kept_of(entries: Iterator[tuple[str, bytes | None]], prefix: str) -> Iterator[Kept]:
    """Entries of the hot cache as they are to be looked at.

    Args:
        prefix: the store's, which every key begins with.
    """
    for name, value in entries:
        key = name.removeprefix(prefix)
        if not key.startswith("answer:"):
            yield Kept(key, value is not None, {})
            continue
        epochs = _epochs(key)
        if value is None or epochs is None:
            yield Kept(key, False, epochs or {})
            continue
        try:
            # An aggregate holds figures, and no memories.
            found = json.loads(value).get("found", ())
            yield Kept(key, True, epochs, tuple(UUID(row["memory"]["id"]) for row in found))
        except (ValueError, KeyError, TypeError, AttributeError):
            yield Kept(key, False, epochs)


def _epochs(key: str) -> dict[Kind, int] | None:
    found = _EPOCH.match(key)
    if found is None:
        return None
    try:
        pairs = (each.split("=") for each in found[1].split(","))
        return {Kind(kind): int(number) for kind, number in pairs}
    except ValueError:
        return None
