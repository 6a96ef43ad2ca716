"""What the records said is asked again only after a write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from sophia_cli.memory.identity import new_id
from sophia_cli.memory.knowledge import Knowledge
from sophia_cli.memory.model import KINDS, Kind, Memory, Where
from sophia_cli.memory.recent import Recent
from sophia_cli.tiers.records.outbox import Epochs

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def memory(content: str) -> Memory:
    nothing = dict.fromkeys(
        [
            "user",
            "agent",
            "session",
            "turn",
            "speaker",
            "said_at",
            "valid_to",
            "expires_at",
            "forgotten_at",
        ]
    )
    return Memory(
        id=new_id(),
        kind=Kind.CODING,
        content=content,
        tags={},
        valid_from=NOW,
        created_at=NOW,
        updated_at=NOW,
        model="m",
        version=1,
        **nothing,
    )


@dataclass
class Asked:
    """Records that keep what they were asked."""

    memories: dict[UUID, Memory] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    questions: list[object] = field(default_factory=list)

    @property
    def knowledge(self) -> Knowledge:
        def get(ids: Sequence[UUID]) -> dict[UUID, Memory]:
            self.questions.append(list(ids))
            return {id_: self.memories[id_] for id_ in ids if id_ in self.memories}

        def people(words: Sequence[str], where: Where, kinds: Sequence[Kind]) -> list[str]:
            self.questions.append(list(words))
            return [word for word in words if word in self.names]

        return Knowledge("records", get, people)


def at(value: int) -> Epochs:
    return Epochs({Kind.CODING: value, Kind.BUSINESS: 1}, frozenset())


def test_a_memory_is_read_once_until_somebody_writes() -> None:
    one, two = memory("one"), memory("two")
    asked, recent = Asked({one.id: one, two.id: two}), Recent()
    assert recent.at(at(1), asked.knowledge).get([one.id]) == {one.id: one}
    assert set(recent.at(at(1), asked.knowledge).get([two.id, one.id])) == {one.id, two.id}
    assert asked.questions == [[one.id], [two.id]]
    changed = asked.memories[one.id] = memory("changed")
    assert recent.at(at(2), asked.knowledge).get([one.id])[one.id] is changed


def test_an_id_that_is_not_there_is_asked_for_again() -> None:
    asked, recent = Asked(), Recent()
    missing = new_id()
    for _ in range(2):
        assert recent.at(at(1), asked.knowledge).get([missing]) == {}
    assert len(asked.questions) == 2


def test_names_are_looked_up_once_for_each_scope() -> None:
    asked, recent = Asked(names={"ann"}), Recent()
    ann = Where(user="ann")
    for where in (Where(), Where(), ann):
        known = recent.at(at(1), asked.knowledge)
        assert known.people(["ann", "paint"], where, KINDS) == ["ann"]
    assert known.people(["bo", "ann"], ann, KINDS) == ["ann"]
    assert asked.questions == [["ann", "paint"], ["ann", "paint"], ["bo"]]


def test_what_was_cleared_is_not_put_back_by_a_call_in_flight() -> None:
    one = memory("one")
    asked, recent = Asked({one.id: one}), Recent()
    in_flight = recent.at(at(1), asked.knowledge)
    recent.clear()
    assert in_flight.get([one.id]) == {one.id: one}
    recent.at(at(1), asked.knowledge).get([one.id])
    assert asked.questions == [[one.id], [one.id]]
