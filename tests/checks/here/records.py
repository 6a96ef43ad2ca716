"""Faults of PostgreSQL."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest

from sophia_cli.checks import postgres_work
from sophia_cli.engines.postgres import _command
from tests.checks.bent import Bent
from tests.checks.breaking import postgres
from tests.checks.here.stages import Inside
from tests.checks.here.table import FAIL, UNKNOWN, WARN, Alarms, fault, of_tiers
from tests.conftest import wait_until

_ASK_THE_RECORDS = (
    *("EM-02", "MA-05", "PG-02", "PG-03", "PG-04", "PG-05", "PG-06", "PG-07", "PG-08", "PG-09"),
    *("PG-10", "PG-11", "PG-12", "RD-06", "VE-02", "VE-05"),
)
_SILENT: Alarms = {"PG-01": FAIL, **dict.fromkeys(_ASK_THE_RECORDS, UNKNOWN)}


@fault("inside", "PostgreSQL is stopped", _SILENT, "it is stopped, though the resident process")
def _(stage: Inside) -> Iterator[None]:
    with postgres.stopped(stage.store):
        yield


@fault("inside", "PostgreSQL is killed", _SILENT, "it is stopped, though the resident process")
def _(stage: Inside) -> Iterator[None]:
    with postgres.killed(stage.store):
        yield


@fault(
    "inside",
    "PostgreSQL is frozen",
    _SILENT | of_tiers(1, 2, 3, 4, 5, 6),
    "it is frozen, though the resident",
    slow=True,
)
def _(stage: Inside) -> Iterator[None]:
    with postgres.silent(stage.store):
        yield


@fault("inside", "connections are nearly used up", {"PG-05": FAIL}, "connections are used")
def _(stage: Inside) -> Iterator[None]:
    with postgres.crowded(stage.store):
        yield


@fault("inside", "rows are dead and not cleared away", {"PG-06": WARN}, "12,000 dead rows")
def _(stage: Inside) -> Iterator[None]:
    with postgres.bloated(stage.store):
        yield


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Five minutes are over after a fifth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres_work, "LONG", timedelta(seconds=0.2))
        yield


@fault("inside", "a transaction is left open", {"PG-07": WARN}, "a transaction has been open")
def _(stage: Inside) -> Iterator[None]:
    with _impatient(), postgres.left_open(stage.store):
        yield


@fault("inside", "rows are locked and stay so", {"PG-07": WARN}, "a transaction has been open")
def _(stage: Inside) -> Iterator[None]:
    with _impatient(), postgres.left_open(stage.store, "SELECT 1 FROM memory FOR UPDATE"):
        yield


@fault(
    "inside",
    "a table is locked against all",
    {"PG-07": WARN, "VE-02": UNKNOWN} | of_tiers(1, 2, 3, 4, 6),
    "a transaction has been open",
    slow=True,
)
def _(stage: Inside) -> Iterator[None]:
    with _impatient(), postgres.left_open(stage.store, "LOCK TABLE memory"):
        yield


@fault("inside", "a migration was altered", {"PG-03": FAIL}, "2 were altered after they were")
def _(stage: Inside) -> Iterator[None]:
    with postgres.altered_migration("checksum")(stage.store):
        yield


@fault("inside", "the store is of a newer version", {"PG-03": FAIL}, "the store has version 99")
def _(stage: Inside) -> Iterator[None]:
    with postgres.altered_migration("newer")(stage.store):
        yield


@fault("inside", "a migration is missing", {"PG-03": WARN}, "7 are not applied yet")
def _(stage: Inside) -> Iterator[None]:
    with postgres.altered_migration("missing")(stage.store):
        yield


@fault("inside", "autovacuum is off", {"PG-11": WARN}, "it is off: dead rows stay")
def _(stage: Inside) -> Iterator[None]:
    with postgres.setting(stage.store, "autovacuum", "off"):
        yield


@fault("inside", "fsync is off", {"PG-12": FAIL}, "fsync is off: what was acknowledged")
def _(stage: Inside) -> Iterator[None]:
    with postgres.setting(stage.store, "fsync", "off"):
        yield


_WRITE = "SELECT pg_logical_emit_message(true, 'test', 'a line of the log')"


@fault("inside", "a slot is followed by nobody", {"PG-04": WARN}, "nobody follows, and the log")
def _(stage: Inside) -> Iterator[None]:
    with _slot(stage):
        yield


@contextlib.contextmanager
def _slot(stage: Inside) -> Iterator[None]:
    stage.store.sql("SELECT pg_create_physical_replication_slot('gone', true)")
    try:
        yield
    finally:
        stage.store.sql("SELECT pg_drop_replication_slot('gone')")


@fault("inside", "the archiver fails", {"PG-10": FAIL}, "the log is not archived any more")
def _(stage: Inside) -> Iterator[None]:
    store = stage.store

    def archiver(*commands: str) -> None:
        store.sql(*[f"ALTER SYSTEM {command}" for command in commands])
        store.postgres.stop()
        store.postgres.ensure()

    archiver("SET archive_mode = on", "SET archive_command = 'false'")
    try:
        store.sql(_WRITE, "SELECT pg_switch_wal()")
        wait_until(lambda: store.sql("SELECT failed_count > 0 FROM pg_stat_archiver")[0][0])
        yield
    finally:
        archiver("RESET archive_mode", "RESET archive_command")


@fault("inside", "pages carry no checksums", {"PG-09": WARN}, "they are off: damage on the disk")
def _(stage: Inside) -> Iterator[None]:
    server = stage.store.postgres

    def checksums(how: str) -> None:
        server.stop()
        run = _command("pg_checksums", [how, "--no-sync", "--pgdata", str(server.data)])
        subprocess.run(run, check=True, capture_output=True, timeout=60)
        server.ensure()

    checksums("--disable")
    try:
        yield
    finally:
        checksums("--enable")


@fault("inside", "PostgreSQL is too old", {"PG-02": FAIL}, "PostgreSQL 13")
def _(stage: Inside) -> Iterator[None]:
    """The relay changes digits on the wire: no server so old is at hand."""
    relay = Bent(str(stage.store.postgres.socket))
    stage.variables["SOPHIA_RECORDS__URL"] = f"postgresql://sophia@127.0.0.1:{relay.port}/postgres"
    relay.bend = lambda data: (
        data.replace(b"\x00\x02\xbf\x26", b"\x00\x01\xfb\xd6")
        .replace(b"180006", b"130006")
        .replace(b"18.6", b"13.6")
    )
    try:
        yield
    finally:
        relay.close()


@fault(
    "inside",
    "the records are behind an address where nobody listens",
    _SILENT,
    "Connection refused",
)
def _(stage: Inside) -> Iterator[None]:
    stage.variables["SOPHIA_RECORDS__URL"] = "postgresql://sophia@127.0.0.1:1/postgres"
    yield
