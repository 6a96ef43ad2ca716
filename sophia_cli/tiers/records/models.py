"""Which embedding model the store is built with: stored once, checked at every start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sophia_cli.errors import Refused
from sophia_cli.memory.model import Memory, Vector
from sophia_cli.tiers.records.database import Connection, Database
from sophia_cli.tiers.records.rows import COLUMNS, bytes_of, memory_of


@dataclass(frozen=True, slots=True)
class StoreModel:
    """The store's id and the model of its index; None before the first memory."""

    store: UUID
    name: str | None
    dimension: int | None


class Models:
    """The store's embedding model."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> StoreModel:
        """What the store is built with."""

        def work(connection: Connection) -> StoreModel:
            row = connection.execute(
                "SELECT s.id, e.name, e.dimension FROM store s"
                " LEFT JOIN embedding_model e ON e.id = s.model_id"
            ).fetchone()
            assert row is not None  # noqa: S101  (the migration inserts it)
            return StoreModel(*row)

        return self._database.ask(work)

    def adopt(self, name: str, dimension: int) -> None:
        """Makes this the store's model if it has none yet; otherwise it must be the same.

        Raises:
            Refused: the store is built with another model.
        """

        def work(connection: Connection) -> tuple[str, int]:
            id_ = _model_id(connection, name, dimension)
            connection.execute("UPDATE store SET model_id = %s WHERE model_id IS NULL", [id_])
            row = connection.execute(
                "SELECT e.name, e.dimension FROM store s JOIN embedding_model e"
                " ON e.id = s.model_id"
            ).fetchone()
            assert row is not None  # noqa: S101  (set by the statement before)
            return row[0], row[1]

        _check(self._database.run(work), (name, dimension))

    def check(self, name: str, dimension: int) -> None:
        """Checks that a store which has a model has this one; writes nothing.

        Raises:
            Refused: the store is built with another model.
        """
        stored = self.current()
        if stored.name is not None and stored.dimension is not None:
            _check((stored.name, stored.dimension), (name, dimension))

    def lacking(self, name: str, dimension: int, limit: int) -> list[Memory]:
        """Memories that have no vector of this model yet: what a change of model goes through."""

        def work(connection: Connection) -> list[Memory]:
            id_ = _model_id(connection, name, dimension)
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM memory m"  # noqa: S608
                " WHERE m.forgotten_at IS NULL AND NOT EXISTS (SELECT FROM memory_vector v"
                " WHERE v.memory_id = m.id AND v.model_id = %s) ORDER BY m.id LIMIT %s",
                [id_, limit],
            ).fetchall()
            return [memory_of(row) for row in rows]

        return self._database.run(work)

    def put(
        self, name: str, dimension: int, memories: Sequence[Memory], vectors: Sequence[Vector]
    ) -> None:
        """Stores vectors of a model, for memories that still say what was embedded."""

        def work(connection: Connection) -> None:
            id_ = _model_id(connection, name, dimension)
            connection.execute(
                "INSERT INTO memory_vector (memory_id, model_id, vector)"
                " SELECT m.id, %s, g.vector FROM"
                " unnest(%s::uuid[], %s::int[], %s::bytea[]) AS g(id, version, vector)"
                " JOIN memory m ON m.id = g.id AND m.version = g.version"
                " AND m.forgotten_at IS NULL ON CONFLICT (memory_id, model_id) DO UPDATE"
                " SET vector = excluded.vector"  # One of another length is none.
                " WHERE octet_length(memory_vector.vector) <> octet_length(excluded.vector)",
                [
                    id_,
                    [memory.id for memory in memories],
                    [memory.version for memory in memories],
                    [bytes_of(vector) for vector in vectors],
                ],
            )

        self._database.run(work)

    def drop(self, ids: Sequence[UUID]) -> None:
        """Erases vectors of memories, so that they are made again from the texts."""
        self._database.run(
            lambda connection: connection.execute(
                "DELETE FROM memory_vector WHERE memory_id = ANY(%s)", [list(ids)]
            )
        )

    def switch(self, name: str, dimension: int) -> None:
        """Makes a model the store's own, drops the others' vectors, and owes the whole index."""

        def work(connection: Connection) -> None:
            id_ = _model_id(connection, name, dimension)
            connection.execute("UPDATE store SET model_id = %s", [id_])
            connection.execute("DELETE FROM memory_vector WHERE model_id <> %s", [id_])
            connection.execute(
                "INSERT INTO outbox (memory_id, kind) SELECT id, kind FROM memory"
                " WHERE forgotten_at IS NULL ON CONFLICT (memory_id) DO UPDATE"
                " SET change = nextval('outbox_change')"
            )
            connection.execute("UPDATE epoch SET value = value + 1")

        self._database.run(work)


def _check(stored: tuple[str, int], configured: tuple[str, int]) -> None:
    if stored != configured:
        raise Refused(
            f"embedding: the store holds vectors of {stored[0]} ({stored[1]} dimensions),"
            f" the configuration names {configured[0]} ({configured[1]})",
            "set embedding back, or change the store with `sophia reindex --re-embed`",
        )


def _model_id(connection: Connection, name: str, dimension: int) -> int:
    connection.execute(
        "INSERT INTO embedding_model (name, dimension) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [name, dimension],
    )
    row = connection.execute("SELECT id FROM embedding_model WHERE name = %s", [name]).fetchone()
    assert row is not None  # noqa: S101  (inserted by the statement before)
    return int(row[0])
