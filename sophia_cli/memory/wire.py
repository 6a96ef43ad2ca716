"""Memories as JSON: what `--json` prints and what a cache keeps, and the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sophia_cli.memory.model import Kind, Memory

_TIMES = (
    "said_at",
    "valid_from",
    "valid_to",
    "created_at",
    "updated_at",
    "expires_at",
    "forgotten_at",
)


def memory_to_json(memory: Memory) -> dict[str, Any]:
    """All fields of a memory; times as ISO 8601, the id as a string."""
    record: dict[str, Any] = {
        "id": str(memory.id),
        "kind": memory.kind.value,
        "content": memory.content,
        "user": memory.user,
        "agent": memory.agent,
        "session": memory.session,
        "turn": memory.turn,
        "speaker": memory.speaker,
        "tags": dict(memory.tags),
        "model": memory.model,
        "version": memory.version,
    }
    for name in _TIMES:
        moment: datetime | None = getattr(memory, name)
        record[name] = None if moment is None else moment.isoformat()
    return record


def memory_from_json(record: Mapping[str, Any]) -> Memory:
    """The memory that `memory_to_json` wrote.

    Raises:
        KeyError, ValueError, TypeError: it is something else.
    """
    values = dict(record)
    for name in _TIMES:
        text = values[name]
        values[name] = None if text is None else datetime.fromisoformat(text)
    values["id"] = UUID(values["id"])
    values["kind"] = Kind(values["kind"])
    return Memory(**values)


def memory_to_text(memory: Memory) -> str:
    """A memory as one line of JSON."""
    return json.dumps(memory_to_json(memory), ensure_ascii=False, separators=(",", ":"))


def memory_from_text(text: object) -> Memory | None:
    """The memory that `memory_to_text` wrote; None when it is something else."""
    if not isinstance(text, str):
        return None
    try:
        return memory_from_json(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
