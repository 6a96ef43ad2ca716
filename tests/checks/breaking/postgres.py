"""What may befall PostgreSQL, each for the length of a block."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator

import psycopg

from tests.checks.conftest import Store
from tests.conftest import wait_until
from tests.faults.frozen import frozen

Fault = Callable[[Store], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def stopped(store: Store) -> Iterator[None]:
    store.postgres.stop()
    try:
        yield
    finally:
        store.postgres.ensure()


@contextlib.contextmanager
def killed(store: Store) -> Iterator[None]:
    pid = store.postgres.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not store.postgres.running())
    try:
        yield
    finally:
        store.postgres.ensure()


@contextlib.contextmanager
def silent(store: Store) -> Iterator[None]:
    with frozen(store.postgres.pid()):
        yield


@contextlib.contextmanager
def sql(store: Store, before: list[str], after: list[str]) -> Iterator[None]:
    store.sql(*before)
    try:
        yield
    finally:
        store.sql(*after)


@contextlib.contextmanager
def setting(store: Store, name: str, value: str) -> Iterator[None]:
    def is_so(wanted: Callable[[str], bool]) -> Callable[[], bool]:
        return lambda: wanted(store.sql(f"SHOW {name}")[0][0])

    store.sql(f"ALTER SYSTEM SET {name} = {value}", "SELECT pg_reload_conf()")
    wait_until(is_so(lambda now: now == value))
    try:
        yield
    finally:
        store.sql(f"ALTER SYSTEM RESET {name}", "SELECT pg_reload_conf()")
        wait_until(is_so(lambda now: now != value))


@contextlib.contextmanager
def crowded(store: Store) -> Iterator[None]:
    def clients() -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        return int(store.sql(query)[0][0])

    with contextlib.ExitStack() as stack:
        while clients() < 28:
            stack.enter_context(psycopg.connect(store.postgres.address))
        yield
    wait_until(lambda: clients() < 18)


@contextlib.contextmanager
def bloated(store: Store) -> Iterator[None]:
    def dead() -> int:
        [(count,)] = store.sql(
            "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'scratch'"
        )
        return int(count)

    store.sql(
        "CREATE TABLE scratch WITH (autovacuum_enabled = off) AS"
        " SELECT generate_series(1, 12000) AS n",
        "DELETE FROM scratch",
    )
    wait_until(lambda: dead() > 10_000)
    try:
        yield
    finally:
        store.sql("VACUUM scratch")
        wait_until(lambda: dead() == 0)


@contextlib.contextmanager
def left_open(store: Store, statement: str = "SELECT count(*) FROM memory") -> Iterator[None]:
    with psycopg.connect(store.postgres.address) as connection:
        connection.execute(statement.encode())
        time.sleep(0.3)
        yield


def altered_migration(column: str) -> Fault:
    wrong = {"checksum": "repeat('0', 64)", "missing": "", "newer": ""}
    if column == "checksum":
        return lambda store: sql(
            store,
            [
                "CREATE TABLE kept AS SELECT * FROM schema_migration",
                f"UPDATE schema_migration SET checksum = {wrong[column]} WHERE version = 2",
            ],
            [
                "UPDATE schema_migration s SET checksum = k.checksum FROM kept k"
                " WHERE k.version = s.version",
                "DROP TABLE kept",
            ],
        )
    if column == "newer":
        return lambda store: sql(
            store,
            ["INSERT INTO schema_migration VALUES (99, 'later', '')"],
            ["DELETE FROM schema_migration WHERE version = 99"],
        )
    return lambda store: sql(
        store,
        [
            "CREATE TABLE kept AS SELECT * FROM schema_migration WHERE version = 7",
            "DELETE FROM schema_migration WHERE version = 7",
        ],
        ["INSERT INTO schema_migration SELECT * FROM kept", "DROP TABLE kept"],
    )
