"""Whether a stored point is what its seal says (`memory.seal`).

The engine tells how far a vector goes in the seal's direction as the score of a search there. A
change of less than 0.0004 in one place of a vector is not noticed so, nor one of the words of
`bm25_context`: `comparing` looks at those.

A point without a seal is from before there were any. It is compared in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sophia_cli.memory.model import IndexEntry
from sophia_cli.memory.seal import Seal, hash_of
from sophia_cli.tiers.vectors.names import MEMORY, SCOPE, TIME

SEAL = "seal"
"""The payload field: a version, then the numbers of the seal."""

NONE = 0
"""What stands for the digest of a point without a seal, or that is not what it says."""

_VERSION = 1
_CLOSE = 2e-5
_TYPES = (int, int, int, float, float)


def sealed(payload: dict[str, Any], entry: IndexEntry) -> dict[str, Any]:
    """The payload of an entry with its seal, where it has one."""
    return payload if entry.seal is None else payload | {SEAL: [_VERSION, *entry.seal]}


def seal_in(payload: Mapping[str, Any] | None) -> Seal | None:
    """The seal of a stored point; None where it has none of this version."""
    stored = (payload or {}).get(SEAL)
    if not isinstance(stored, list) or tuple(map(type, stored)) != _TYPES:
        return None
    return Seal(*stored[1:]) if stored[0] == _VERSION else None


def digest_of(payload: Mapping[str, Any] | None, dense: float, context: float) -> int:
    """The digest of a point that is what its seal says; else `NONE`.

    Args:
        payload: all of it.
        dense, context: the cosines of its vectors with `direction`, as the engine tells them.
    """
    seal = seal_in(payload)
    if seal is None or payload is None:
        return NONE
    intact = (
        abs(seal.dense - dense) < _CLOSE
        and abs(seal.context - context) < _CLOSE
        and seal.fields == _hash(payload)
    )
    return seal.digest if intact else NONE


def _hash(payload: Mapping[str, Any]) -> int:
    found = payload
    if SCOPE in payload:
        found = _out_of_scope(payload[SCOPE])
    return hash_of(
        str(payload.get(MEMORY)),
        found.get("user"),
        found.get("agent"),
        found.get("session"),
        payload.get("turn"),
        payload.get("speaker"),
        payload.get(TIME),
        found.get("tags") or [],
        payload.get("shape"),
    )


def _out_of_scope(scope: list[str]) -> dict[str, Any]:
    """The fields that the engine in process keeps as `field=value` in one."""
    found: dict[str, Any] = {}
    tags: list[str] = []
    for each in scope:
        name, _, value = each.partition("=")
        if name == "tags":
            tags.append(value)
        else:
            found[name] = value
    return found | {"tags": tags}
