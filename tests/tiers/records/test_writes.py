"""The epochs are read once and kept, until anything was written, or may yet be."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
import psycopg
import pytest

from sophia_cli.errors import TierDown
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.memories import NewMemory
from tests.conftest import wait_until

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def alone(database: str) -> Iterator[Records]:
    """Records that nobody else writes to, patient for a second."""
    opened = Records(lambda: database, timeout=1.0, alone=lambda: 1)
    opened.models.adopt("test-model", 4)
    yield opened
    opened.close()


def new(content: str) -> NewMemory:
    vector = np.array([1, 0, 0, 0], np.float32)
    return NewMemory(Draft(content, Kind.CODING), Kind.CODING, vector, {})


def kept(records: Records) -> bool:
    """Whether the epochs are not read again."""
    return records.outbox.epochs() is records.outbox.epochs()


def test_epochs_are_kept_until_something_is_written(alone: Records) -> None:
    assert kept(alone)
    before = alone.outbox.epochs()
    written = alone.memories.add([new("one")], NOW)
    after = alone.outbox.epochs()
    assert after.values[Kind.CODING] == before.values[Kind.CODING] + 1
    assert after.owing == {Kind.CODING}
    alone.outbox.acknowledge(written.owed)
    assert alone.outbox.epochs().owing == frozenset()
    assert kept(alone)


def test_epochs_are_read_each_time_where_others_may_write(records: Records) -> None:
    assert not kept(records)


def test_epochs_are_not_kept_while_something_is_written(alone: Records, database: str) -> None:
    assert kept(alone)
    with holds_up_writes(database) as let_go:
        writer = threading.Thread(target=lambda: alone.memories.add([new("one")], NOW))
        writer.start()
        wait_until(lambda: waiting(database))
        assert not kept(alone)
        let_go()
        writer.join()
    assert kept(alone)


def test_a_write_that_was_given_up_is_seen_when_it_is_carried_out_after_all(
    alone: Records, database: str
) -> None:
    before = alone.outbox.epochs().values[Kind.CODING]
    failed: list[BaseException] = []

    def write() -> None:
        try:
            alone.memories.add([new("late")], NOW)
        except TierDown as error:
            failed.append(error)

    with holds_up_writes(database) as let_go:
        writer = threading.Thread(target=write)
        writer.start()
        wait_until(lambda: waiting(database))
        (backend,) = waiting(database)
        os.kill(backend, signal.SIGSTOP)
        try:
            writer.join()
            assert failed, "the write was to be given up"
            wait_until(lambda: answers(alone))
            assert not kept(alone)
            let_go()
        finally:
            os.kill(backend, signal.SIGCONT)
    wait_until(lambda: answers(alone) and kept(alone))
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT value FROM epoch WHERE kind = 'coding'").fetchone()
    assert row is not None
    assert alone.outbox.epochs().values[Kind.CODING] == row[0] >= before


def answers(records: Records) -> bool:
    """Whether the records can be asked: for a second after a failure they are left alone."""
    try:
        records.outbox.epochs()
    except TierDown:
        return False
    return True


@contextmanager
def holds_up_writes(database: str) -> Iterator[object]:
    """Locks the outbox; yields what lets go of it."""
    with psycopg.connect(database) as connection:
        connection.execute("LOCK TABLE outbox IN SHARE MODE")
        yield connection.rollback


def waiting(database: str) -> list[int]:
    """The server processes that wait for a lock of this database."""
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchall()
    return [row[0] for row in rows]
