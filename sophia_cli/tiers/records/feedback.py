"""What was right for a question: the operator's own labelled set, and the weights fitted on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sophia_cli.errors import NotFound
from sophia_cli.tiers.records.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Mark:
    """One memory, marked as right or wrong for a question.

    `scope` is the filter the question was asked with: kind, user, agent, session, each if given.
    """

    memory_id: UUID
    query: str
    scope: Mapping[str, str]
    fits: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """Weights as the records hold them."""

    id: int
    weights: Mapping[str, float]
    provenance: Mapping[str, Any]


class Feedback:
    """Marks and fitted weights."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, mark: Mark) -> bool:
        """Stores a mark; a later one on the same memory and question replaces it.

        Returns whether it is new or says something else than before.

        Raises:
            NotFound: there is no such memory, or it was forgotten.
        """

        def work(connection: Connection) -> bool:
            known = connection.execute(
                "SELECT FROM memory WHERE id = %s AND forgotten_at IS NULL FOR SHARE",
                [mark.memory_id],
            ).fetchone()
            if known is None:
                raise NotFound(f"no memory {mark.memory_id}", "sophia list shows what there is")
            row = connection.execute(
                "INSERT INTO feedback (memory_id, query, scope, fits, at)"
                " VALUES (%s, %s, %s::jsonb, %s, %s)"
                " ON CONFLICT (memory_id, md5(query), scope) DO UPDATE"
                " SET fits = excluded.fits, at = excluded.at WHERE feedback.fits <> excluded.fits"
                " RETURNING memory_id",
                [mark.memory_id, mark.query, json.dumps(dict(mark.scope)), mark.fits, mark.at],
            ).fetchone()
            return row is not None

        return self._database.run(work)

    def unmark(self, mark: Mark) -> bool:
        """Takes a mark back, whatever it said; returns whether there was one."""

        def work(connection: Connection) -> bool:
            found = connection.execute(
                "DELETE FROM feedback WHERE memory_id = %s AND query = %s AND scope = %s::jsonb",
                [mark.memory_id, mark.query, json.dumps(dict(mark.scope))],
            )
            return found.rowcount > 0

        return self._database.run(work)

    def marks(self) -> list[Mark]:
        """Every mark on a memory that was not forgotten, oldest first."""

        def work(connection: Connection) -> list[Mark]:
            rows = connection.execute(
                "SELECT f.memory_id, f.query, f.scope, f.fits, f.at FROM feedback f"
                " JOIN memory m ON m.id = f.memory_id WHERE m.forgotten_at IS NULL"
                " ORDER BY f.at, f.query, f.memory_id"
            ).fetchall()
            return [Mark(*row) for row in rows]

        return self._database.ask(work)

    def weights(self) -> StoredWeights | None:
        """The weights that rank this store; None for those that ship with sophia."""

        def work(connection: Connection) -> StoredWeights | None:
            row = connection.execute(
                "SELECT w.id, w.weights, w.provenance FROM store s"
                " JOIN ranking_weights w ON w.id = s.weights_id"
            ).fetchone()
            return None if row is None else StoredWeights(*row)

        return self._database.ask(work)

    def switch(self, weights: Mapping[str, float], provenance: Mapping[str, Any]) -> int:
        """Stores weights and ranks by them from now on, in every process; returns their id."""

        def work(connection: Connection) -> int:
            row = connection.execute(
                "INSERT INTO ranking_weights (weights, provenance) VALUES (%s::jsonb, %s::jsonb)"
                " RETURNING id",
                [json.dumps(dict(weights)), json.dumps(dict(provenance))],
            ).fetchone()
            assert row is not None  # noqa: S101  (it was inserted)
            connection.execute("UPDATE store SET weights_id = %s", [row[0]])
            return int(row[0])

        return self._database.run(work)

    def revert(self) -> bool:
        """Ranks by the weights that ship with sophia again; returns whether others were in use."""

        def work(connection: Connection) -> bool:
            row = connection.execute(
                "UPDATE store SET weights_id = NULL WHERE weights_id IS NOT NULL RETURNING id"
            ).fetchone()
            return row is not None

        return self._database.run(work)
