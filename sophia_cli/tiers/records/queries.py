"""Reading memories: by id, as lists, by words, their history and links, and the counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from sophia_cli.errors import InvalidInput, NotFound
from sophia_cli.memory.model import Kind, Memory, Vector, Where
from sophia_cli.tiers.records.database import Connection, Database
from sophia_cli.tiers.records.rows import COLUMNS, conditions, memory_of

_SHORTEST_PREFIX = 6


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the audit trail."""

    id: UUID
    memory_id: UUID
    at: datetime
    action: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """One relation between two memories."""

    source: UUID
    relation: str
    target: UUID
    created_at: datetime


class Queries:
    """The reading half of the records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def resolve(self, text: str) -> UUID:
        """The memory that an id, or the unique beginning of one, names.

        Raises:
            InvalidInput: it cannot be an id, or several begin with it.
            NotFound: no memory has it.
        """
        digits = text.strip().lower().replace("-", "")
        if not (_SHORTEST_PREFIX <= len(digits) <= 32) or not all(
            character in "0123456789abcdef" for character in digits
        ):
            raise InvalidInput(
                f"not a memory's id: {text[:60]!r}", "an id looks like 0198c2f1-…; see sophia list"
            )
        low, high = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))

        def work(connection: Connection) -> list[UUID]:
            rows = connection.execute(
                "SELECT id FROM memory WHERE id BETWEEN %s AND %s ORDER BY id LIMIT 2", [low, high]
            ).fetchall()
            return [row[0] for row in rows]

        found = self._database.ask(work)
        if not found:
            raise NotFound(f"no memory {text}", "sophia list shows what there is")
        if len(found) > 1:
            raise InvalidInput(f"several memories begin with {text}", "give more of the id")
        return found[0]

    def get(self, ids: Sequence[UUID]) -> dict[UUID, Memory]:
        """The memories of these ids, forgotten ones included; absent ids are left out."""

        def work(connection: Connection) -> dict[UUID, Memory]:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM memory m"  # noqa: S608
                " WHERE m.id = ANY(%s)",
                [list(ids)],
            ).fetchall()
            return {row[0]: memory_of(row) for row in rows}

        return self._database.ask(work)

    def vectors(self, ids: Sequence[UUID]) -> dict[UUID, Vector]:
        """The vectors of these memories by the store's model; those without one are left out."""

        def work(connection: Connection) -> dict[UUID, Vector]:
            rows = connection.execute(
                "SELECT memory_id, vector FROM memory_vector"
                " WHERE memory_id = ANY(%s) AND model_id = (SELECT model_id FROM store)",
                [list(ids)],
            ).fetchall()
            return {id_: np.frombuffer(stored, "<f4") for id_, stored in rows}

        return self._database.ask(work)

    def newest(
        self,
        where: Where,
        kinds: Sequence[Kind],
        limit: int,
        *,
        now: datetime | None,
        before: UUID | None = None,
    ) -> list[Memory]:
        """The newest first; `before` is the last id of the page before."""
        condition, values = conditions(where, kinds, now)
        if before is not None:
            condition += " AND m.id < %(before)s"
            values["before"] = before

        def work(connection: Connection) -> list[Memory]:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM memory m WHERE {condition}"  # noqa: S608
                " ORDER BY m.id DESC LIMIT %(limit)s",
                values | {"limit": limit},
            ).fetchall()
            return [memory_of(row) for row in rows]

        return self._database.ask(work)

    def by_words(
        self, text: str, where: Where, kinds: Sequence[Kind], limit: int, *, now: datetime
    ) -> list[tuple[Memory, float]]:
        """Full-text search: what answers a recall while the vectors are down.

        Any word of the question may match (its lexemes are joined by OR); ranked by ts_rank_cd.
        """
        condition, values = conditions(where, kinds, now)

        def work(connection: Connection) -> list[tuple[Memory, float]]:
            rows = connection.execute(
                "WITH asked AS (SELECT coalesce(nullif(string_agg("  # noqa: S608
                " quote_literal(lexeme), ' | '), '')::tsquery, ''::tsquery) AS query"
                " FROM unnest(to_tsvector('english', %(text)s)))"
                f" SELECT {COLUMNS},"
                " ts_rank_cd(to_tsvector('english', m.content), asked.query)::float8 AS rank"
                f" FROM asked, memory m"
                f" WHERE to_tsvector('english', m.content) @@ asked.query AND {condition}"
                " ORDER BY rank DESC, m.id DESC LIMIT %(limit)s",
                values | {"text": text, "limit": limit},
            ).fetchall()
            return [(memory_of(row[:-1]), row[-1]) for row in rows]

        return self._database.ask(work)

    def people(self, words: Sequence[str], where: Where, kinds: Sequence[Kind]) -> list[str]:
        """Those of `words`, lower case, that are first names of speakers in the scope."""
        if not words:
            return []
        scope = Where(user=where.user, agent=where.agent, session=where.session)
        condition, values = conditions(scope, kinds, None)

        def work(connection: Connection) -> list[str]:
            rows = connection.execute(
                # A plan is made while the store is small: with EXISTS one that reads all of it.
                "SELECT word FROM unnest(%(words)s::text[]) WITH ORDINALITY AS w(word, place)"  # noqa: S608
                " CROSS JOIN LATERAL (SELECT FROM memory m"
                "  WHERE lower(split_part(m.speaker, ' ', 1)) = w.word AND m.speaker IS NOT NULL"
                f"   AND {condition} LIMIT 1) one ORDER BY place",
                values | {"words": list(words)},
            ).fetchall()
            return [row[0] for row in rows]

        return self._database.ask(work)

    def history(self, id_: UUID) -> list[Event]:
        """The audit trail of a memory, oldest first."""

        def work(connection: Connection) -> list[Event]:
            rows = connection.execute(
                "SELECT id, memory_id, at, action, detail FROM memory_event"
                " WHERE memory_id = %s ORDER BY at, id",
                [id_],
            ).fetchall()
            return [Event(*row) for row in rows]

        return self._database.ask(work)

    def links(self, id_: UUID) -> list[Link]:
        """The relations from and to a memory."""

        def work(connection: Connection) -> list[Link]:
            rows = connection.execute(
                "SELECT source, relation, target, created_at FROM memory_link"
                " WHERE source = %s OR target = %s ORDER BY created_at",
                [id_, id_],
            ).fetchall()
            return [Link(*row) for row in rows]

        return self._database.ask(work)

    def counts(self, now: datetime) -> dict[Kind, dict[str, int]]:
        """For each kind: live, superseded, expired and forgotten memories."""

        def work(connection: Connection) -> dict[Kind, dict[str, int]]:
            rows = connection.execute(
                "SELECT kind,"
                " count(*) FILTER (WHERE forgotten_at IS NULL"
                "   AND (valid_to IS NULL OR valid_to > %(now)s)"
                "   AND (expires_at IS NULL OR expires_at > %(now)s)),"
                " count(*) FILTER (WHERE forgotten_at IS NULL AND valid_to <= %(now)s"
                "   AND (expires_at IS NULL OR expires_at > %(now)s)),"
                " count(*) FILTER (WHERE forgotten_at IS NULL AND expires_at <= %(now)s),"
                " count(*) FILTER (WHERE forgotten_at IS NOT NULL)"
                " FROM memory GROUP BY kind",
                {"now": now},
            ).fetchall()
            found = {Kind(row[0]): row[1:] for row in rows}
            names = ("live", "superseded", "expired", "forgotten")
            return {
                kind: dict(zip(names, found.get(kind, (0, 0, 0, 0)), strict=True)) for kind in Kind
            }

        return self._database.ask(work)

    def bytes_on_disk(self) -> int:
        """The size of the database, with whatever else is kept in it."""

        def work(connection: Connection) -> int:
            row: Any = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            return int(row[0])

        return self._database.ask(work)

    def ids_of(self, kind: Kind, now: datetime, *, page: int = 10_000) -> Iterator[set[UUID]]:
        """The ids that the index of a kind must hold, a page at a time."""
        condition, values = conditions(Where(), [kind], now)
        after = UUID(int=0)
        while True:

            def work(connection: Connection, after: UUID = after) -> list[UUID]:
                rows = connection.execute(
                    f"SELECT m.id FROM memory m WHERE {condition} AND m.id > %(after)s"  # noqa: S608
                    " ORDER BY m.id LIMIT %(page)s",
                    values | {"after": after, "page": page},
                ).fetchall()
                return [row[0] for row in rows]

            found = self._database.ask(work)
            if not found:
                return
            yield set(found)
            after = found[-1]
