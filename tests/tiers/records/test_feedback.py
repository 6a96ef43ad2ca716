"""Marks and fitted weights on a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest

from sophia_cli.errors import NotFound
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.feedback import Mark
from sophia_cli.tiers.records.memories import NewMemory

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
VECTOR = np.array([1, 0, 0, 0], np.float32)


def add(records: Records, content: str) -> UUID:
    new = NewMemory(Draft(content), Kind.CODING, VECTOR, {"kind": "given"})
    return records.memories.add([new], NOW).stored[0].id


def mark(id_: UUID, query: str = "what broke?", fits: bool = True, **scope: str) -> Mark:
    return Mark(id_, query, scope, fits, NOW)


def test_a_mark_is_kept_with_its_question_and_scope(records: Records) -> None:
    given = mark(add(records, "the disk"), user="ann", kind="coding")
    assert records.feedback.mark(given)
    assert records.feedback.marks() == [given]


def test_the_same_mark_again_changes_nothing_and_another_verdict_replaces_it(
    records: Records,
) -> None:
    given = mark(add(records, "the disk"), user="ann")
    later = replace(given, at=NOW + timedelta(days=1))
    assert records.feedback.mark(given)
    assert not records.feedback.mark(later)
    assert records.feedback.marks() == [given]
    assert records.feedback.mark(replace(later, fits=False))
    assert records.feedback.marks() == [replace(later, fits=False)]


def test_another_scope_is_another_question(records: Records) -> None:
    id_ = add(records, "the disk")
    for given in (mark(id_), mark(id_, user="ann"), mark(id_, query="and now?")):
        assert records.feedback.mark(given)
    assert len(records.feedback.marks()) == 3


@pytest.mark.parametrize("query", [r"C:\temp\x, \000 or \\host?", "¿qué? 🙂", "w " * 20_000])
def test_any_text_can_be_a_question(records: Records, query: str) -> None:
    given = mark(add(records, "the disk"), query)
    assert records.feedback.mark(given)
    assert not records.feedback.mark(given)
    assert records.feedback.marks() == [given]


def test_a_mark_that_is_taken_back_is_gone(records: Records) -> None:
    given = mark(add(records, "the disk"), user="ann")
    records.feedback.mark(given)
    assert not records.feedback.unmark(replace(given, scope={}))
    assert records.feedback.unmark(replace(given, fits=False))
    assert records.feedback.marks() == []
    assert not records.feedback.unmark(given)


def test_what_is_forgotten_takes_its_marks_along(records: Records) -> None:
    id_, other = add(records, "the disk"), add(records, "the fan")
    records.feedback.mark(mark(id_, "a secret question"))
    records.feedback.mark(mark(other))
    records.memories.forget([id_], NOW)
    assert [each.memory_id for each in records.feedback.marks()] == [other]
    left = records.database.ask(
        lambda connection: connection.execute("SELECT query FROM feedback").fetchall()
    )
    assert left == [("what broke?",)]


def test_a_mark_on_what_is_not_there_is_refused(records: Records) -> None:
    with pytest.raises(NotFound):
        records.feedback.mark(mark(uuid4()))
    gone = add(records, "the disk")
    records.memories.forget([gone], NOW)
    with pytest.raises(NotFound):
        records.feedback.mark(mark(gone))
    assert records.feedback.marks() == []


def test_weights_are_switched_and_reverted_for_everyone(records: Records) -> None:
    assert records.feedback.weights() is None
    assert records.outbox.epochs().weights is None
    first = records.feedback.switch({"dense": 1.5}, {"questions": 30})
    second = records.feedback.switch({"dense": 2.5}, {"questions": 40})
    stored = records.feedback.weights()
    assert stored is not None
    assert (stored.id, stored.weights, stored.provenance) == (
        second,
        {"dense": 2.5},
        {"questions": 40},
    )
    assert records.outbox.epochs().weights == second != first
    assert records.feedback.revert()
    assert not records.feedback.revert()
    assert records.feedback.weights() is None
    assert records.outbox.epochs().weights is None
