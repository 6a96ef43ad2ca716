"""Brings the store's tables to this program's version: numbered SQL files, applied in order."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from importlib.resources import files

from psycopg.errors import LockNotAvailable

from sophia_cli.errors import Refused, TierDown
from sophia_cli.tiers.records.database import Connection

# Any number that nobody else takes: "sophia" on a telephone's keys.
_LOCK = 767442
# Seconds: for what is missing, and for each table that somebody else has.
_PATIENCE = 600
_FOR_A_LOCK = 5


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file: `0001_memory.sql` is version 1, named `memory`."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """sha256 of the file, to notice one that was edited after it was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All that this program knows, in order."""
    found = []
    for entry in files("sophia_cli.tiers.records").joinpath("migrations").iterdir():
        stem, _, extension = entry.name.rpartition(".")
        if extension == "sql":
            number, _, name = stem.partition("_")
            found.append(Migration(int(number), name, entry.read_text("utf-8")))
    return sorted(found, key=lambda migration: migration.version)


def migrate(connection: Connection) -> int:
    """Applies what is missing, in one transaction; safe when two processes start at once.

    Returns:
        The version of the store afterwards.

    Raises:
        Refused: the store is newer than this program, or a migration was altered.
        TierDown: somebody else holds a table that is to be changed.
    """
    known = migrations()
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration ("
        " version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )
    rows = connection.execute("SELECT version, checksum FROM schema_migration").fetchall()
    applied: dict[int, str] = dict(rows)
    newest = known[-1].version
    if applied and max(applied) > newest:
        raise Refused(
            f"records: the store has version {max(applied)}, this program knows {newest}",
            "upgrade sophia on this machine",
        )
    if len(applied) < len(known):
        # An index of many memories takes its time. Others' statements are not kept waiting for it.
        connection.until = max(connection.until, time.monotonic() + _PATIENCE)
        connection.execute(f"SET LOCAL statement_timeout = '{_PATIENCE}s'")
        connection.execute(f"SET LOCAL lock_timeout = '{_FOR_A_LOCK}s'")
    for migration in known:
        checksum = applied.get(migration.version)
        if checksum is None:
            _apply(connection, migration)
            connection.execute(
                "INSERT INTO schema_migration (version, name, checksum) VALUES (%s, %s, %s)",
                [migration.version, migration.name, migration.checksum],
            )
        elif checksum != migration.checksum:
            raise Refused(
                f"records: migration {migration.version} was altered after it was applied",
                "restore a backup or install the version that wrote this store",
            )
    return newest


def _apply(connection: Connection, migration: Migration) -> None:
    try:
        connection.execute(migration.sql.encode())
    except LockNotAvailable as error:
        raise TierDown(
            "records",
            f"migration {migration.version} wants a table that somebody holds",
            "run it again once that has ended: a dump, or a long query",
        ) from error
