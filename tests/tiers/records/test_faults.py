"""PostgreSQL frozen, out of reach, lying, killed: real ones, and the time that each call takes."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from sophia_cli.engines.postgres import Postgres
from sophia_cli.errors import TierDown
from sophia_cli.home import Home
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.database import Database
from sophia_cli.tiers.records.memories import NewMemory
from tests.faults.frozen import freeze, frozen, thaw
from tests.faults.relay import Relay

from .test_records import NOW, VECTOR

TIMEOUT = 1.0
# What a machine at work may add to a time-out before it counts as a hang.
SLACK = 1.5


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL that only these tests freeze and kill."""
    engine = Postgres(Home(Path(tmp_path_factory.mktemp("pg")) / "home").prepare())
    engine.ensure()
    yield engine
    engine.stop()


@pytest.fixture
def relay(own: Postgres) -> Iterator[Relay]:
    own.ensure()
    relay = Relay(str(own.socket))
    yield relay
    relay.close()


@pytest.fixture
def opened() -> Iterator[Callable[..., Records]]:
    opened: list[Records] = []

    def one(address: Callable[[], str], timeout: float = TIMEOUT) -> Records:
        opened.append(Records(address, timeout=10.0))
        opened[-1].database._timeout = timeout
        opened[-1].models.adopt("test-model", 4)
        return opened[-1]

    yield one
    for records in opened:
        records.close()


def _through(relay: Relay) -> Callable[[], str]:
    return lambda: f"host=127.0.0.1 port={relay.port} user=sophia dbname=postgres"


def _down_in(call: Callable[[], object]) -> tuple[TierDown, float]:
    """How a call failed, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises(TierDown) as down:
        call()
    assert down.value.tier == "records"
    return down.value, time.monotonic() - began


def _back_in(call: Callable[[], object]) -> float:
    """Seconds until a call succeeds again."""
    began = time.monotonic()
    while True:
        try:
            call()
        except TierDown:
            assert time.monotonic() - began < 10
            time.sleep(0.02)
        else:
            return time.monotonic() - began


def _add(records: Records, text: str) -> bool:
    batch = [NewMemory(Draft(text), Kind.CODING, VECTOR, {"kind": "given"})]
    return records.memories.add(batch, NOW).stored[0].created


def test_a_frozen_server_costs_one_call_its_time_out_and_the_next_ones_nothing(
    own: Postgres, opened: Callable[..., Records]
) -> None:
    records = opened(own.ensure)
    with frozen(own.pid()):
        down, waited = _down_in(records.outbox.epochs)
        assert "no answer within 1 s" in down.message
        assert TIMEOUT <= waited < TIMEOUT + SLACK
        for _ in range(20):
            assert _down_in(records.outbox.epochs)[1] < 0.1
    assert _back_in(records.outbox.epochs) < 5


def test_looks_at_a_server_that_stays_frozen_are_short_and_end_with_it(
    own: Postgres, opened: Callable[..., Records]
) -> None:
    """Until no connection is left that was open before, and new ones get no answer either."""
    records = opened(own.ensure)
    with frozen(own.pid()):
        _down_in(records.outbox.epochs)
        ends = time.monotonic() + 7
        while time.monotonic() < ends:
            assert _down_in(records.outbox.epochs)[1] < 4
            time.sleep(0.05)
    assert _back_in(records.outbox.epochs) < 5


def test_eight_threads_before_a_frozen_server_all_come_back_in_time(
    own: Postgres, opened: Callable[..., Records]
) -> None:
    records = opened(own.ensure)
    waits: list[float] = []
    with frozen(own.pid()):
        threads = [
            threading.Thread(target=lambda: waits.append(_down_in(records.outbox.epochs)[1]))
            for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(waits) == 12
    assert max(waits) < TIMEOUT + SLACK
    assert _back_in(records.outbox.epochs) < 5


@pytest.mark.parametrize("session", [None, "s"], ids=["one statement", "a transaction"])
def test_a_write_that_was_cut_is_stored_once_when_it_is_repeated(
    own: Postgres, opened: Callable[..., Records], session: str | None
) -> None:
    records = opened(own.ensure)
    batch = [NewMemory(Draft(f"cut {session}", session=session), Kind.CODING, VECTOR, {})]
    with frozen(own.pid()):
        _down_in(lambda: records.memories.add(batch, NOW))
    assert _back_in(lambda: records.memories.add(batch, NOW)) < 5
    again = records.memories.add(batch, NOW)
    assert not again.stored[0].created


def test_a_network_that_swallows_everything_is_a_server_that_does_not_answer(
    relay: Relay, opened: Callable[..., Records]
) -> None:
    records = opened(_through(relay))
    relay.swallowing = True
    down, waited = _down_in(records.outbox.epochs)
    assert "no answer within 1 s" in down.message
    assert waited < TIMEOUT + SLACK
    relay.swallowing = False
    relay.cut()
    assert _back_in(records.outbox.epochs) < 5


def test_a_slow_statement_is_ended_by_the_server_and_the_next_call_goes_through(
    own: Postgres, opened: Callable[..., Records]
) -> None:
    records = opened(own.ensure, 10.0)
    records.close()
    database = Database(own.ensure, timeout=0.5)
    down, waited = _down_in(lambda: database.ask(lambda c: c.execute("SELECT pg_sleep(5)")))
    assert "no answer within 0.5 s" in down.message and waited < 0.5 + SLACK
    database.ask(lambda connection: connection.execute("SELECT 1"))
    database.close()


def test_a_refused_connection_says_so(opened: Callable[..., Records]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    database = Database(lambda: f"host=127.0.0.1 port={port} user=x", timeout=TIMEOUT)
    down, waited = _down_in(lambda: database.ask(lambda c: c.execute("SELECT 1")))
    assert "refused" in down.message and waited < TIMEOUT + SLACK
    assert _down_in(lambda: database.ask(lambda c: c.execute("SELECT 1")))[1] < 0.1
    database.close()


def test_noise_instead_of_postgres_is_a_server_that_is_down(
    relay: Relay, opened: Callable[..., Records]
) -> None:
    records = opened(_through(relay))
    assert _add(records, "before the noise")
    relay.babbling = True
    down, waited = _down_in(records.outbox.epochs)
    assert waited < TIMEOUT + SLACK
    assert "\n" not in down.message
    assert _down_in(lambda: _add(records, "into the noise"))[1] < 0.1
    relay.babbling = False
    assert _back_in(records.outbox.epochs) < 5
    assert not _add(records, "before the noise")


def test_a_killed_server_is_started_by_the_call_that_misses_it(
    own: Postgres, opened: Callable[..., Records]
) -> None:
    records = opened(own.ensure, 10.0)
    _add(records, "before the kill")
    os.kill(own.pid() or 0, signal.SIGKILL)
    assert not _add(records, "before the kill")


def test_a_server_that_is_killed_while_it_is_frozen_is_started_again(
    own: Postgres, opened: Callable[..., Records]
) -> None:
    records = opened(own.ensure)
    pid = own.pid() or 0
    freeze(pid)
    _down_in(records.outbox.epochs)
    os.kill(pid, signal.SIGKILL)
    for child in _others(own):
        thaw(child)
    assert _back_in(records.outbox.epochs) < 10


def _others(own: Postgres) -> list[int]:
    """The server's processes that outlive it, frozen as they are."""
    name = os.fsencode(own.data)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").resolve() == Path(os.fsdecode(name)):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_the_password_is_in_no_message(relay: Relay) -> None:
    relay.babbling = True
    database = Database(_through(relay), timeout=TIMEOUT, password="never-shown")  # noqa: S106
    down, _ = _down_in(lambda: database.ask(lambda c: c.execute("SELECT 1")))
    assert "never-shown" not in f"{down.message} {down.hint}"
    database.close()


def test_a_connection_is_not_used_after_a_wait_was_cut(own: Postgres) -> None:
    """A late answer to one call must never be taken for the answer to another."""
    database = Database(own.ensure, timeout=TIMEOUT)

    def number(value: int) -> int:
        row = database.ask(lambda c: c.execute("SELECT %s::int", [value]).fetchone())
        assert row is not None
        return int(row[0])

    assert number(1) == 1
    with frozen(own.pid()):
        _down_in(lambda: number(2))
    _back_in(lambda: number(3))
    assert [number(value) for value in range(10, 20)] == list(range(10, 20))
    database.close()


def test_a_lost_connection_inside_a_transaction_is_repeated(own: Postgres) -> None:
    database = Database(own.ensure, timeout=5.0)
    tries: list[int] = []

    def work(connection: psycopg.Connection[tuple[object, ...]]) -> int:
        tries.append(connection.info.backend_pid)
        if len(tries) == 1:
            with psycopg.connect(own.address, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [tries[0]])
        row = connection.execute("SELECT 1").fetchone()
        assert row is not None
        return len(tries)

    assert database.run(work) == 2
    database.close()
