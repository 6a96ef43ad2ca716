"""What a statement reads does not grow with the store.

PostgreSQL plans a statement once a connection, and it may do so while the store is still empty.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from sophia_cli.memory.identity import content_hash
from sophia_cli.memory.model import Draft, Kind, Memory, Where
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.feedback import Mark
from sophia_cli.tiers.records.memories import SUPERSEDES
from sophia_cli.tiers.records.outbox import Owed
from tests.tiers.records.test_records import NOW, VECTOR, new

_PREPARED_AFTER = 6
_MEMORIES = 1_500
_ROWS = 60
_texts = (f"text {number}" for number in itertools.count())


def _stored(records: Records, **fields: object) -> tuple[UUID, list[Owed]]:
    written = records.memories.add([new(next(_texts), **fields)], NOW)
    return written.stored[0].id, list(written.owed)


def _memory(records: Records) -> Memory:
    id_, _ = _stored(records)
    return records.queries.get([id_])[id_]


def _applied(records: Records) -> None:
    _, owed = _stored(records, session="s")
    records.outbox.truth([each.memory_id for each in owed])
    records.outbox.acknowledge(owed)


OPERATIONS: dict[str, Callable[[Records], Any]] = {
    "known": lambda records: records.memories.known(
        [content_hash(Draft(next(_texts)), Kind.CODING)], NOW
    ),
    "add": _stored,
    "add a turn and apply it": _applied,
    "get": _memory,
    "vectors": lambda records: records.queries.vectors([_stored(records)[0]]),
    "history": lambda records: records.queries.history(_stored(records)[0]),
    "update": lambda records: records.memories.update(
        _stored(records)[0], {"content": next(_texts)}, VECTOR, NOW
    ),
    "link": lambda records: records.memories.link(
        _stored(records)[0], SUPERSEDES, _stored(records)[0], NOW
    ),
    "put": lambda records: records.models.put("test-model", 4, [_memory(records)], [VECTOR]),
    "mark": lambda records: records.feedback.mark(
        Mark(_stored(records)[0], "a question", {}, True, NOW)
    ),
    "resolve": lambda records: records.queries.resolve(str(_stored(records)[0])),
    "newest": lambda records: records.queries.newest(Where(), [Kind.CODING], 5, now=NOW),
    "epochs": lambda records: records.outbox.epochs(),
    "owed": lambda records: records.outbox.owed(10),
    "forget": lambda records: records.memories.forget([_stored(records)[0]], NOW),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_statement_planned_for_an_empty_store_reads_few_rows_of_a_full_one(
    records: Records, database: str, name: str
) -> None:
    operation = OPERATIONS[name]
    for _ in range(_PREPARED_AFTER):
        operation(records)
    written = records.memories.add([new(next(_texts)) for _ in range(_MEMORIES)], NOW)
    records.outbox.acknowledge(written.owed)
    before = _rows_read(records, database)
    operation(records)
    read = _rows_read(records, database) - before
    assert read < _ROWS


def _rows_read(records: Records, database: str) -> int:
    """How many rows of all tables were read so far."""
    for _ in range(2):  # The server counts a statement once the next one comes.
        records.database.ask(lambda own: own.execute("SELECT pg_stat_force_next_flush()"))
    with psycopg.connect(database) as connection:
        row: Any = connection.execute(
            "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint"
            " FROM pg_stat_user_tables"
        ).fetchone()
    return int(row[0])
