"""Points that the records never knew, written as `sophia import` reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sophia_cli.checks.digests.difference import Difference, Fault, Named
from sophia_cli.errors import InvalidInput, OutOfSpace, SophiaError
from sophia_cli.memory.identity import content_hash
from sophia_cli.memory.model import KINDS, Draft, Kind, Memory

_BATCH = 256


def export(differences: Sequence[Difference], copies: Sequence[Named], path: Path) -> int:
    """Writes the memories that these points hold, each once; returns how many.

    One that cannot be read is left out: it is still in the vectors.

    Raises:
        InvalidInput: the file is there already.
        SophiaError: it cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidInput(f"{path} is there already", "give another name") from None
    except OSError as error:
        raise SophiaError(f"{path}: {error.strerror}", "give a file that can be written") from error
    written = 0
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            for memory in _memories(differences, copies):
                file.write(json.dumps(_record(memory), ensure_ascii=False) + "\n")
                written += 1
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutOfSpace(f"{path}: {error.strerror}", "free some space and run it again") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return written


def _memories(differences: Sequence[Difference], copies: Sequence[Named]) -> Iterator[Memory]:
    seen: set[UUID] = set()
    for named in copies:
        for kind in KINDS:
            ids = [id_ for id_ in _ids(differences, named, kind) if id_ not in seen]
            for start in range(0, len(ids), _BATCH):
                for id_, memory in named.copy.memories(kind, ids[start : start + _BATCH]).items():
                    seen.add(id_)
                    yield memory


def _ids(differences: Sequence[Difference], named: Named, kind: Kind) -> Sequence[UUID]:
    return [
        each.suspect.id
        for each in differences
        if each.fault is Fault.UNKNOWN
        and (each.suspect.copy, each.suspect.kind) == (named.name, kind)
    ]


def _record(memory: Memory) -> dict[str, Any]:
    """A memory as `sophia export` writes it."""
    said = Draft(
        memory.content,
        user=memory.user,
        agent=memory.agent,
        session=memory.session,
        speaker=memory.speaker,
    )
    return {
        "type": "memory",
        "id": str(memory.id),
        "kind": memory.kind.value,
        "content": memory.content,
        "user_id": memory.user,
        "agent_id": memory.agent,
        "session_id": memory.session,
        "turn": memory.turn,
        "speaker": memory.speaker,
        "said_at": _time(memory.said_at),
        "tags": dict(memory.tags),
        "valid_from": _time(memory.valid_from),
        "valid_to": _time(memory.valid_to),
        "created_at": _time(memory.created_at),
        "updated_at": _time(memory.updated_at),
        "expires_at": _time(memory.expires_at),
        "forgotten_at": None,
        "version": memory.version,
        "content_hash": f"\\x{content_hash(said, memory.kind).hex()}",
    }


def _time(moment: Any) -> str | None:
    return None if moment is None else str(moment.isoformat())
