"""PostgreSQL's checks: each made to fail on a real server, and then to pass."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from sophia_cli.checks import postgres_work
from sophia_cli.checks.check import Verdict
from sophia_cli.engines.postgres import Postgres, _command
from sophia_cli.home import Home
from tests.checks.bent import Bent
from tests.checks.breaking.postgres import (
    Fault,
    altered_migration,
    bloated,
    crowded,
    left_open,
    setting,
    silent,
    stopped,
)
from tests.checks.conftest import Store
from tests.checks.scenes import looks, worst
from tests.conftest import wait_until

FAULTS: dict[str, tuple[str, Fault, Verdict, str]] = {
    "stopped": ("PG-01", stopped, Verdict.FAIL, "it is stopped, though"),
    "frozen": ("PG-01", silent, Verdict.FAIL, "it is frozen, though"),
    "migration altered": ("PG-03", altered_migration("checksum"), Verdict.FAIL, "2 were altered"),
    "store newer": ("PG-03", altered_migration("newer"), Verdict.FAIL, "has version 99"),
    "migration missing": ("PG-03", altered_migration("missing"), Verdict.WARN, "7 are not applied"),
    "no connections left": ("PG-05", crowded, Verdict.FAIL, "connections are used"),
    "dead rows": ("PG-06", bloated, Verdict.WARN, "12,000 dead rows"),
    "transaction left open": ("PG-07", left_open, Verdict.WARN, "has been open"),
    "autovacuum off": (
        "PG-11",
        lambda store: setting(store, "autovacuum", "off"),
        Verdict.WARN,
        "it is off",
    ),
    "fsync off": ("PG-12", lambda store: setting(store, "fsync", "off"), Verdict.FAIL, "fsync"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen_while_it_lasts(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, fault, verdict, says = FAULTS[name]
    assert worst(store.looks(number)) is Verdict.PASS
    if number == "PG-07":
        monkeypatch.setattr(postgres_work, "LONG", timedelta(seconds=0.2))
    with fault(store):
        found = store.looks(number)
        assert worst(found) is verdict, found
        assert says in found[0].says
    assert worst(store.looks(number)) is Verdict.PASS


def test_while_it_is_silent_the_others_say_so_and_nothing_is_started(store: Store) -> None:
    with stopped(store):
        for number in ("PG-02", "PG-05", "PG-12"):
            [found] = store.looks(number)
            assert found.verdict is Verdict.UNKNOWN
            assert "does not run" in found.says
        assert not store.postgres.running()


def test_a_server_too_old_is_told_by_its_version(store: Store) -> None:
    """The relay changes six digits on the wire: no server so old is at hand."""
    relay = Bent(str(store.postgres.socket))
    variables = {"SOPHIA_RECORDS__URL": f"postgresql://sophia@127.0.0.1:{relay.port}/postgres"}
    outside = store.home.root.parent / "outside"
    try:
        assert worst(looks(outside, "PG-02", variables)) is Verdict.PASS
        relay.bend = lambda data: data.replace(b"\x00\x02\xbf\x26", b"\x00\x01\xfb\xd6").replace(
            b"180006", b"130006"
        )
        [found] = looks(outside, "PG-02", variables)
        assert found.verdict is Verdict.FAIL
        assert "too old" in found.says
    finally:
        relay.close()


class Own(Postgres):
    """A server of the home with settings of its own."""

    settings: tuple[str, ...] = ()

    def command(self) -> list[str]:
        return [*super().command(), *(word for each in self.settings for word in ("-c", each))]


@pytest.fixture
def own(home: Path) -> Iterator[Own]:
    server = Own(Home(home).prepare())
    yield server
    server.stop()


def url_of(server: Postgres) -> dict[str, str]:
    folder = str(server.socket.parent)
    return {"SOPHIA_RECORDS__URL": f"postgresql://sophia@/postgres?host={folder}"}


def execute(server: Postgres, *statements: str) -> None:
    with psycopg.connect(server.address, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_a_log_that_is_not_archived_piles_up(own: Own) -> None:
    own.settings = ("archive_mode=on", "max_wal_size=8MB", "min_wal_size=8MB")
    own.ensure()
    outside, variables = own.home.root.parent / "outside", url_of(own)
    execute(own, "ALTER SYSTEM SET archive_command = 'false'", "SELECT pg_reload_conf()")
    execute(own, "CREATE TABLE t (n int)")
    for _ in range(10):
        execute(own, "INSERT INTO t VALUES (1)", "SELECT pg_switch_wal()")
    wait_until(lambda: worst(looks(outside, "PG-10", variables)) is Verdict.FAIL)
    [piled] = looks(outside, "PG-08", variables)
    assert piled.verdict is Verdict.WARN

    execute(own, "ALTER SYSTEM SET archive_command = 'true'", "SELECT pg_reload_conf()")
    execute(own, "INSERT INTO t VALUES (1)", "SELECT pg_switch_wal()")
    wait_until(lambda: worst(looks(outside, "PG-10", variables)) is Verdict.PASS)

    def is_cleared() -> bool:
        execute(own, "CHECKPOINT")
        return worst(looks(outside, "PG-08", variables)) is Verdict.PASS

    wait_until(is_cleared, 60)


def test_pages_without_checksums(own: Own) -> None:
    outside, variables = own.home.root.parent / "outside", url_of(own)
    for how, verdict in (("--disable", Verdict.WARN), ("--enable", Verdict.PASS)):
        own.ensure()
        own.stop()
        run = _command("pg_checksums", [how, "--pgdata", str(own.data)])
        subprocess.run(run, check=True, capture_output=True, timeout=60)
        own.ensure()
        assert worst(looks(outside, "PG-09", variables)) is verdict


def test_a_standby_that_follows_falls_behind_and_is_no_primary(own: Own, tmp_path: Path) -> None:
    own.ensure()
    outside, variables = own.home.root.parent / "outside", url_of(own)
    assert worst(looks(outside, "PG-04", variables)) is Verdict.SKIPPED
    copy = Own(Home(own.home.root.parent / "copy").prepare())
    folder = str(own.socket.parent)
    arguments = ["-h", folder, "-U", "sophia", "-D", str(copy.data), "-R", "--no-sync"]
    arguments += ["--checkpoint=fast", "--create-slot", "--slot=copy", "-X", "stream"]
    run = _command("pg_basebackup", arguments)
    subprocess.run(run, check=True, capture_output=True, timeout=60)
    copy.ensure()
    try:
        wait_until(lambda: worst(looks(outside, "PG-04", variables)) is Verdict.PASS)
        [found] = looks(outside, "PG-04", url_of(copy))
        assert found.verdict is Verdict.FAIL
        assert "standby" in found.says
        [found] = looks(outside, "PG-01", url_of(copy))
        assert found.verdict is Verdict.FAIL
        assert "read-only" in found.says
    finally:
        copy.stop()
    wait_until(lambda: worst(looks(outside, "PG-04", variables)) is Verdict.WARN)
    execute(own, "SELECT pg_drop_replication_slot('copy')")
    assert worst(looks(outside, "PG-04", variables)) is Verdict.SKIPPED


def test_checks_hold_up_nobody_and_change_nothing(store: Store) -> None:
    """Two runs at once, and what the tables hold is as before."""
    tables = store.sql(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )

    def counted() -> list[tuple[str, int]]:
        return [(name, store.sql(f"SELECT count(*) FROM {name}")[0][0]) for (name,) in tables]

    before = counted()
    found: list[Verdict] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(worst(store.looks(n))))
        for n in ("PG-01", "PG-03", "PG-07", "PG-01")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Verdict.PASS] * len(threads)
    assert counted() == before
