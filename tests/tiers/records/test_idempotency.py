"""Answers under an Idempotency-Key: written with the work or not at all, and kept for a day."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

from sophia_cli.errors import Conflict
from sophia_cli.memory.identity import new_id
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.database import Connection
from sophia_cli.tiers.records.idempotency import Answered, Kept, Once, keep_in
from sophia_cli.tiers.records.memories import NewMemory

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ONCE = Once("owner", "key", b"1" * 32)
ANSWER = [Kept(new_id(), Kind.CODING, True), Kept(new_id(), Kind.BUSINESS, False)]


def test_an_answer_is_found_by_its_own_caller_key_and_request(records: Records) -> None:
    assert records.idempotency.find(ONCE) is None
    records.idempotency.keep(ONCE, ANSWER)
    assert records.idempotency.find(ONCE) == ANSWER
    assert records.idempotency.find(Once("other", "key", b"1" * 32)) is None
    assert records.idempotency.find(Once("owner", "other", b"1" * 32)) is None
    with pytest.raises(Conflict):
        records.idempotency.find(Once("owner", "key", b"2" * 32))
    with pytest.raises(Answered):
        records.idempotency.keep(ONCE, [])
    assert records.idempotency.find(ONCE) == ANSWER


def test_who_comes_second_stores_nothing(records: Records) -> None:
    def also(connection: Connection, stored: object) -> None:
        keep_in(connection, ONCE, ANSWER)

    add = partial(records.memories.add, now=NOW, also=also)
    add([NewMemory(Draft("first"), Kind.CODING, None, {})])
    with pytest.raises(Answered):
        add([NewMemory(Draft("second", session="s"), Kind.CODING, None, {})])
    counts = records.queries.counts(NOW)
    assert counts[Kind.CODING]["live"] == 1
    assert records.outbox.size()[0] == 1


def test_what_is_older_than_a_day_goes(records: Records) -> None:
    records.idempotency.keep(ONCE, ANSWER)
    assert records.idempotency.prune() == 0
    records.database.ask(
        lambda connection: connection.execute(
            "UPDATE idempotent_answer SET created_at = created_at - interval '25 hours'"
        )
    )
    assert records.idempotency.prune() == 1
    assert records.idempotency.find(ONCE) is None
