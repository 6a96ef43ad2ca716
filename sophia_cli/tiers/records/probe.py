"""A write and a read of our own: whether PostgreSQL does its work, not what it says of itself."""

from __future__ import annotations

from uuid import UUID

from sophia_cli.errors import TierDown
from sophia_cli.tiers.records.database import Connection, Database


def probe(database: Database, id_: UUID) -> None:
    """Commits a row, reads it back, and removes it, with what a process that died left there.

    Raises:
        TierDown: it could not, or what came back is something else.
        OutOfSpace: its disk is full.
    """

    def work(connection: Connection) -> bool:
        connection.execute("INSERT INTO probe (id) VALUES (%s) ON CONFLICT DO NOTHING", [id_])
        row = connection.execute("SELECT id FROM probe WHERE id = %s", [id_]).fetchone()
        connection.execute(
            "DELETE FROM probe WHERE id = %s OR at < clock_timestamp() - interval '1 hour'", [id_]
        )
        return row == (id_,)

    if not database.ask(work):
        raise TierDown("records", "a row that was written is not there")
