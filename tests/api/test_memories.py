"""The operations of a caller: what they may see and do, and what they are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from sophia_cli.api.access import OWNER, Access, Scope
from sophia_cli.api.memories import Memories
from sophia_cli.api.requests import (
    Change,
    Filter,
    NewMemory,
    Recall,
    Sentence,
    Similar,
    parsed,
)
from sophia_cli.api.results import envelope
from sophia_cli.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge
from sophia_cli.memory.model import Kind
from sophia_cli.tiers.records import database

As = Callable[..., Memories]
ALL = frozenset(Scope)


def bound_to(user: str, kind: Kind | None = None) -> Access:
    return Access("bound", ALL, user, kind)


def test_a_bound_caller_finds_nothing_of_others_by_any_way(as_: As, user: str) -> None:
    theirs = as_().remember([NewMemory(content=f"Kestrel pays 40 seats {user}", user="other")])
    id_ = theirs.data[0].id
    mine = as_(bound_to(user))

    assert mine.recall(Recall(query=f"Kestrel pays 40 seats {user}")).data == []
    assert mine.similar(Similar(text=f"Kestrel pays 40 seats {user}")).data == []
    assert mine.list(Filter(), limit=1000, ended=True).data == []
    stranger = uuid4()
    for call in (
        lambda which: mine.get(which),
        lambda which: mine.history(which),
        lambda which: mine.update(which, Change(content="mine now")),
        lambda which: mine.forget([which]),
    ):
        with pytest.raises(NotFound) as of_another:
            call(id_)
        with pytest.raises(NotFound) as of_nobody:
            call(stranger)
        said = of_another.value.message.replace(str(id_), str(stranger))
        assert (said, of_another.value.hint) == (of_nobody.value.message, of_nobody.value.hint)
    assert as_().get(id_).data[0].content == f"Kestrel pays 40 seats {user}"


def test_a_forgotten_memory_of_another_looks_like_none(as_: As, user: str) -> None:
    id_ = as_().remember([NewMemory(content=f"to go {user}", user="other")]).data[0].id
    as_().forget([id_])
    with pytest.raises(NotFound, match=f"no memory {id_}"):
        as_(bound_to(user)).get(id_)
    with pytest.raises(NotFound, match="was forgotten"):
        as_().get(id_)


def test_a_bound_caller_writes_as_the_user_and_kind_it_is_bound_to(as_: As, user: str) -> None:
    mine = as_(bound_to(user, Kind.BUSINESS))
    id_ = (
        mine.remember([NewMemory(content=f"the parser has a bug in function f {user}")]).data[0].id
    )
    (memory,) = as_().get(id_).data
    assert (memory.user, memory.kind) == (user, Kind.BUSINESS)


def test_a_caller_may_be_bound_to_an_agent_and_a_conversation(as_: As, user: str) -> None:
    mine = as_(Access("bound", ALL, agent="cursor", session=user))
    (stored,) = mine.remember([NewMemory(content=f"the lock is green {user}")]).data
    for agent, session in (("other", user), ("cursor", "other")):
        of_another = NewMemory(content=f"the lock is red {user}", agent=agent, session=session)
        (theirs,) = as_().remember([of_another]).data
        with pytest.raises(NotFound):
            mine.forget([theirs.id])
        with pytest.raises(Forbidden, match="bound to another"):
            mine.remember([of_another])
        with pytest.raises(Forbidden, match="bound to another"):
            mine.recall(Recall(query="the lock", agent=agent, session=session))
    assert [each.memory.id for each in mine.recall(Recall(query="the lock")).data] == [stored.id]
    (memory,) = as_().get(stored.id).data
    assert (memory.agent, memory.session) == ("cursor", user)
    with pytest.raises(Forbidden):
        mine.stats()


@pytest.mark.parametrize(
    "call",
    [
        lambda mine: mine.remember([NewMemory(content="x", user="other")]),
        lambda mine: mine.remember([NewMemory(content="x", kind=Kind.CODING)]),
        lambda mine: mine.recall(Recall(query="x", user="other")),
        lambda mine: mine.recall(Recall(query="x", kind=Kind.CODING)),
        lambda mine: mine.list(Filter(user="other")),
        lambda mine: mine.ask(Sentence(sentence="what did we decide?", user="other")),
        lambda mine: mine.ask(Sentence(sentence="Analyze memory performance")),
        lambda mine: mine.stats(),
    ],
)
def test_what_is_out_of_bounds_is_refused(as_: As, user: str, call: Callable[..., Any]) -> None:
    with pytest.raises(Forbidden):
        call(as_(bound_to(user, Kind.BUSINESS)))


@pytest.mark.parametrize(
    ("scope", "call"),
    [
        (Scope.WRITE, lambda one: one.recall(Recall(query="x"))),
        (Scope.WRITE, lambda one: one.list(Filter())),
        (Scope.WRITE, lambda one: one.stats()),
        (Scope.READ, lambda one: one.remember([NewMemory(content="x")])),
        (Scope.READ, lambda one: one.ask(Sentence(sentence="Remember this: x"))),
        (Scope.READ, lambda one: one.forget([uuid4()])),
        (Scope.READ, lambda one: one.update(uuid4(), Change(content="x"))),
    ],
)
def test_a_scope_covers_nothing_but_itself(as_: As, scope: Scope, call: Callable[..., Any]) -> None:
    with pytest.raises(Forbidden, match="may not"):
        call(as_(Access("one", frozenset({scope}))))


def test_pages_hold_every_memory_once(as_: As, user: str) -> None:
    said = [f"note {number} {user}" for number in range(7)]
    as_().remember([NewMemory(content=each, user=user) for each in said])
    found, cursor = [], None
    while True:
        page = as_().list(Filter(user=user), limit=3, cursor=cursor)
        found += [memory.content for memory in page.data]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == said[::-1]


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "not a cursor at all", "=" * 40])
def test_a_cursor_that_is_none_is_refused(as_: As, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        as_().list(Filter(), cursor=cursor)


def test_a_change_is_made_once_and_only_to_the_version_that_was_seen(as_: As, user: str) -> None:
    id_ = as_().remember([NewMemory(content=f"seats: 10 {user}", tags={"a": "1"})]).data[0].id
    (changed,) = (
        as_().update(id_, Change(content=f"seats: 20 {user}", tags={"b": "2"}), version=1).data
    )
    assert (changed.version, dict(changed.tags)) == (2, {"a": "1", "b": "2"})
    with pytest.raises(Conflict, match="version 2"):
        as_().update(id_, Change(content=f"seats: 30 {user}"), version=1)
    with pytest.raises(Conflict, match="version 2"):
        as_().forget([id_], version=1)
    assert as_().get(id_).data[0].content == f"seats: 20 {user}"
    assert as_().forget([id_], version=2).complete


def test_a_change_whose_commit_was_not_heard_of_is_no_conflict(
    as_: As, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = as_().remember([NewMemory(content=f"price: 10 {user}")]).data[0].id
    lost = iter([True])

    def run(self: Any, work: Any) -> Any:
        def transaction(connection: Any) -> Any:
            with connection.transaction():
                done = work(connection)
            if next(lost, False):
                raise psycopg.OperationalError("the connection was lost at the commit")
            return done

        return self.ask(transaction)

    with monkeypatch.context() as patched:
        patched.setattr(database.Database, "run", run)
        changed = as_().update(id_, Change(content=f"price: 20 {user}"), version=1)
    assert changed.data[0].content == f"price: 20 {user}"
    assert changed.data[0].version == 2
    assert next(lost, None) is None, "the commit was to be lost once"


def test_a_sentence_is_carried_out_and_says_what_it_was_taken_for(as_: As, user: str) -> None:
    stored = as_().ask(Sentence(sentence=f"Remember this: the gate opens at 9 {user}", user=user))
    assert stored.trace.notes["understood"]["intent"] == "remember"
    found = as_().ask(Sentence(sentence="What did we decide about the gate?", user=user))
    assert [each.memory.id for each in found.data] == [stored.data[0].id]
    assert as_().ask(Sentence(sentence="Analyze memory performance")).data[0]["memories"]


def test_an_envelope_is_that_of_the_command_line(as_: As, user: str) -> None:
    as_().remember([NewMemory(content=f"the lamp is green {user}", user=user)])
    told = envelope(as_().recall(Recall(query="the lamp", user=user, explain=True)), "recall", 1.5)
    assert told["status"] == "ok"
    assert told["count"] == len(told["data"]) == 1
    assert "explain" in told["data"][0]
    assert told["trace"]["served_by"] == "vectors"
    assert told["error"] is None


def test_too_many_at_once_are_refused(as_: As) -> None:
    with pytest.raises(TooLarge):
        as_().remember([NewMemory(content="x")] * 1001)


@pytest.mark.parametrize(
    ("model", "values", "names"),
    [
        (NewMemory, {"content": ""}, "content"),
        (NewMemory, {"content": "x", "colour": "red"}, "colour"),
        (NewMemory, {"content": "x", "kind": "poetry"}, "kind"),
        (Recall, {"query": "x", "limit": 0}, "limit"),
        (Recall, {"query": "x", "limit": 1001}, "limit"),
        (Similar, {}, "text"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(model: Any, values: Any, names: str) -> None:
    with pytest.raises(InvalidInput, match=names):
        parsed(model, values)


@pytest.mark.parametrize(
    ("memory", "names"),
    [
        ({"content": "x", "at": "the day after never"}, "at:"),
        ({"content": "x", "expires": "2001-01-01"}, "expires '2001"),
        ({"content": "x", "turn": -1}, "turn"),
        ({"content": " \n "}, "empty"),
        ({"content": "x", "user": " "}, "user"),
    ],
)
def test_a_value_that_cannot_be_stored_is_named(as_: As, memory: Any, names: str) -> None:
    with pytest.raises(InvalidInput, match=names):
        as_(OWNER).remember([NewMemory(**memory)])
