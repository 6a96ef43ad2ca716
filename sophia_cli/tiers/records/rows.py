"""How a memory is spelled in SQL and read back: the columns and their order, said once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from sophia_cli.memory.model import Kind, Memory, Vector, Where

COLUMNS = (
    "m.id, m.kind, m.content, m.user_id, m.agent_id, m.session_id, m.turn, m.speaker, m.said_at,"
    " m.tags, m.valid_from, m.valid_to, m.created_at, m.updated_at, m.expires_at, m.forgotten_at,"
    " m.version, (SELECT (SELECT e.name FROM embedding_model e JOIN store s ON s.model_id = e.id)"
    " FROM memory_vector v WHERE v.memory_id = m.id AND v.model_id = (SELECT model_id FROM store))"
)
"""The columns of `memory m` that make a `Memory`, the last the model that it is indexed by.

EXISTS would do for that one; but where PostgreSQL knows little of the table yet, it may answer that
by a list of all vectors.
"""

LIVE = (
    "m.forgotten_at IS NULL AND (m.valid_to IS NULL OR m.valid_to > %(now)s)"
    " AND (m.expires_at IS NULL OR m.expires_at > %(now)s)"
)
"""Whether a row of `memory m` may be recalled at `now`; see `Memory.live_at`."""

SAID = "record_send(ROW(m.content, m.speaker, m.said_at))"
"""What a row of `memory m` says, as bytes that tell any two apart: see `memory.digest`."""

REST = (
    "record_send(ROW(m.id, m.kind, m.user_id, m.agent_id, m.session_id, m.turn, m.tags,"
    " m.valid_from, m.valid_to, m.created_at, m.updated_at, m.expires_at, m.version))"
)
"""The rest of it."""

USABLE = (
    "v.model_id = (SELECT model_id FROM store)"
    " AND octet_length(v.vector) = 4 * (SELECT e.dimension FROM embedding_model e"
    " WHERE e.id = (SELECT model_id FROM store))"
)
"""Whether a vector of `memory_vector v` is of the store's model, and as long as that one's are."""


def memory_of(row: Sequence[Any]) -> Memory:
    """A row of `COLUMNS` as a `Memory`."""
    (id_, kind, content, user, agent, session, turn, speaker, said_at, tags, *rest) = row
    valid_from, valid_to, created_at, updated_at, expires_at, forgotten_at, version, model = rest
    return Memory(
        id_,
        Kind(kind),
        content,
        user,
        agent,
        session,
        turn,
        speaker,
        said_at,
        tags,
        valid_from,
        valid_to,
        created_at,
        updated_at,
        expires_at,
        forgotten_at,
        model,
        version,
    )


def vector_of(stored: bytes | None) -> Vector | None:
    """float32, (dim,), from its little-endian bytes."""
    return None if stored is None else np.frombuffer(stored, dtype="<f4")


def bytes_of(vector: Vector) -> bytes:
    """The little-endian float32 bytes of a vector."""
    return np.ascontiguousarray(vector, dtype="<f4").tobytes()


def conditions(
    where: Where, kinds: Sequence[Kind], now: datetime | None
) -> tuple[str, dict[str, Any]]:
    """A filter as SQL over `memory m`, with its parameters.

    Args:
        now: leaves out what is not live at this moment; None keeps all but the forgotten.
    """
    clauses = ["m.forgotten_at IS NULL", "m.kind = ANY(%(kinds)s)"]
    values: dict[str, Any] = {"kinds": [kind.value for kind in kinds]}
    if now is not None:
        clauses.append("(m.valid_to IS NULL OR m.valid_to > %(now)s)")
        clauses.append("(m.expires_at IS NULL OR m.expires_at > %(now)s)")
        values["now"] = now
    for column, value in (
        ("user_id", where.user),
        ("agent_id", where.agent),
        ("session_id", where.session),
    ):
        if value is not None:
            clauses.append(f"m.{column} = %({column})s")
            values[column] = value
    if where.tags:
        clauses.append("m.tags @> %(tags)s::jsonb")
        values["tags"] = _json(dict(where.tags))
    if where.since is not None:
        clauses.append("coalesce(m.said_at, m.created_at) >= %(since)s")
        values["since"] = where.since
    if where.until is not None:
        clauses.append("coalesce(m.said_at, m.created_at) < %(until)s")
        values["until"] = where.until
    return " AND ".join(clauses), values


def _json(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
