"""Everything out and in again: memories, audit trail and links, as plain values.

Vectors do not travel: they are derived, and the store that imports may use another model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sophia_cli.memory.model import Vector
from sophia_cli.tiers.records.database import Connection, Database
from sophia_cli.tiers.records.outbox import OWE_AROUND
from sophia_cli.tiers.records.rows import bytes_of

_FIELDS = {
    "memory": (
        *("id", "kind", "content", "user_id", "agent_id", "session_id", "turn", "speaker"),
        *("said_at", "tags", "valid_from", "valid_to", "created_at", "updated_at", "expires_at"),
        *("forgotten_at", "version", "content_hash"),
    ),
    "event": ("id", "memory_id", "at", "action", "detail"),
    "link": ("source", "relation", "target", "created_at"),
    "feedback": ("memory_id", "query", "scope", "fits", "at"),
}
_TABLE = {
    "memory": "memory",
    "event": "memory_event",
    "link": "memory_link",
    "feedback": "feedback",
}
_ORDER = {
    "memory": "id",
    "event": "memory_id, at, id",
    "link": "source, relation, target",
    "feedback": "memory_id, query, scope",
}


class Portable:
    """Export and import of whole records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def export(self, page: int = 1000) -> Iterator[dict[str, Any]]:
        """Every record as a JSON object, `type` first: memories, events, links, feedback.

        Read page by page by key, so that a long export holds no transaction open.
        """
        for type_, fields in _FIELDS.items():
            key = _ORDER[type_].split(", ")
            after: list[Any] | None = None
            while True:
                rows = self._page(type_, fields, key, after, page)
                for row in rows:
                    yield {"type": type_, **row}
                if len(rows) < page:
                    break
                after = [rows[-1][name] for name in key]

    def _page(
        self, type_: str, fields: Sequence[str], key: list[str], after: list[Any] | None, page: int
    ) -> list[dict[str, Any]]:
        columns = ", ".join(f"'{name}', t.{name}" for name in fields)
        names = ", ".join(key)
        clause = "" if after is None else f" WHERE ({names}) > ({', '.join(['%s'] * len(key))})"
        statement = (
            f"SELECT jsonb_build_object({columns})"  # noqa: S608
            f" FROM {_TABLE[type_]} t{clause} ORDER BY {names} LIMIT %s"
        )

        def work(connection: Connection) -> list[dict[str, Any]]:
            rows = connection.execute(statement.encode(), [*(after or []), page]).fetchall()
            return [row[0] for row in rows]

        return self._database.run(work)

    def import_memories(
        self, records: Sequence[Mapping[str, Any]], vectors: Sequence[Vector | None]
    ) -> int:
        """Stores memories under their own ids; what is there (by id or content) stays. How many."""

        def work(connection: Connection) -> int:
            rows = connection.execute(
                _insert("memory", "ON CONFLICT DO NOTHING RETURNING id, kind").encode(),
                [_json(records)],
            ).fetchall()
            new = {str(row[0]) for row in rows}
            chosen = [
                (record["id"], bytes_of(vector))
                for record, vector in zip(records, vectors, strict=True)
                if vector is not None and str(record["id"]) in new
            ]
            connection.execute(
                "INSERT INTO memory_vector (memory_id, model_id, vector)"
                " SELECT g.id, s.model_id, g.vector FROM"
                " unnest(%s::uuid[], %s::bytea[]) AS g(id, vector), store s",
                [[id_ for id_, _ in chosen], [vector for _, vector in chosen]],
            )
            connection.execute(
                "INSERT INTO outbox (memory_id, kind) SELECT * FROM unnest(%s::uuid[], %s::text[])"
                " ON CONFLICT (memory_id) DO UPDATE SET change = nextval('outbox_change')",
                [[row[0] for row in rows], [row[1] for row in rows]],
            )
            new_ids = [row[0] for row in rows]
            # They are part of the entries around them, which were written without them.
            connection.execute(OWE_AROUND.encode(), [new_ids, new_ids])
            connection.execute(
                "UPDATE epoch SET value = value + 1 WHERE kind = ANY(%s)",
                [sorted({row[1] for row in rows})],
            )
            return len(rows)

        return self._database.run(work)

    def import_events(self, records: Sequence[Mapping[str, Any]]) -> int:
        """Stores audit events of memories that are here; how many were new."""
        return self._add("event", records, "WHERE EXISTS (SELECT FROM memory WHERE id = memory_id)")

    def import_links(self, records: Sequence[Mapping[str, Any]]) -> int:
        """Stores links between memories that are here; how many were new."""
        both = (
            "WHERE EXISTS (SELECT FROM memory WHERE id = source)"
            " AND EXISTS (SELECT FROM memory WHERE id = target)"
        )
        return self._add("link", records, both)

    def import_feedback(self, records: Sequence[Mapping[str, Any]]) -> int:
        """Stores marks on memories that are here; how many were new."""
        here = "WHERE EXISTS (SELECT FROM memory WHERE id = memory_id)"
        return self._add("feedback", records, here)

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which ids are here already, so that an import does not embed them again."""

        def work(connection: Connection) -> set[str]:
            rows = connection.execute(
                "SELECT id::text FROM memory WHERE id = ANY(%s::uuid[])", [list(ids)]
            ).fetchall()
            return {row[0] for row in rows}

        return self._database.run(work)

    def _add(self, type_: str, records: Sequence[Mapping[str, Any]], condition: str) -> int:
        statement = _insert(type_, f"{condition} ON CONFLICT DO NOTHING")
        return self._database.run(
            lambda connection: connection.execute(statement.encode(), [_json(records)]).rowcount
        )


def _insert(type_: str, rest: str) -> str:
    """Inserts a JSON array of records; the table's own row type says how each field is read."""
    names = ", ".join(_FIELDS[type_])
    return (
        f"INSERT INTO {_TABLE[type_]} ({names}) SELECT {names}"  # noqa: S608
        f" FROM jsonb_populate_recordset(NULL::{_TABLE[type_]}, %s::jsonb) {rest}"
    )


def _json(records: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(list(records), ensure_ascii=False, default=str)
