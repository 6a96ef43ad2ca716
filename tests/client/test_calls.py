"""The same calls, whichever way they go: equal values, and equal errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from sophia_cli.memory.answers import Recalled
from sophia_cli.memory.model import Kind, Memory
from sophia_cli.memory.service import Receipt, Remembered
from tests.client.conftest import Caller, problem

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


def stored(caller: Caller, user: str, *texts: str, **about: Any) -> list[Any]:
    given = [{"content": text} for text in texts]
    return [each.id for each in caller("remember", given, user=user, kind="coding", **about)]


def test_a_memory_goes_in_and_comes_out(caller: Caller, user: str) -> None:
    about = {
        "kind": Kind.CODING,
        "user": user,
        "session": "s",
        "turn": 3,
        "speaker": "ann",
        "at": AT,
        "tags": {"team": "platform"},
        "expires": timedelta(days=30),
    }
    made = caller("remember", f"We chose Qdrant {user}", **about)
    assert isinstance(made.one, Remembered)
    assert (made.one.created, made.one.kind) == (True, Kind.CODING)
    assert (made.degraded, made.complete, made.trace["served_by"]) == ((), True, "records")
    assert len(made.trace["request"]) == 16
    again = caller("remember", f"We chose Qdrant {user}", **about).one
    assert (again.id, again.created) == (made.one.id, False)
    memory = caller("get", made.one.id).one
    assert isinstance(memory, Memory)
    assert (memory.content, memory.said_at) == (f"We chose Qdrant {user}", AT)
    assert (memory.session, memory.turn, memory.speaker) == ("s", 3, "ann")
    assert memory.tags == {"team": "platform"}
    assert timedelta(days=29) < memory.expires_at - datetime.now(UTC) <= timedelta(days=30)


def test_a_question_is_answered(caller: Caller, user: str) -> None:
    stored(caller, user, "Retries back off exponentially", "The cache is Valkey", at=AT)
    found = caller("recall", "what does the cache run on?", user=user, limit=1)
    assert isinstance(found.one, Recalled)
    assert found.one.memory.content == "The cache is Valkey"
    explained = caller("recall", "what does the cache run on?", user=user, explain=True)
    assert [len(explained), set(explained[0].parts) > {"dense"}] == [2, True]
    assert "says" in explained.trace
    near = caller("similar", "Valkey is the cache", user=user, limit=1)
    assert near.one.memory == found.one.memory
    for span, count in (
        ({"since": AT}, 2),
        ({"until": AT}, 0),
        ({"since": "2026-02-01", "until": datetime(2026, 4, 1)}, 2),
        ({"since": timedelta(days=1)}, 0),
    ):
        assert len(caller("recall", "cache", user=user, **span)) == count


def test_plain_sentences(caller: Caller, user: str) -> None:
    made = caller("ask", f"Remember that the gateway is Caddy {user}", user=user)
    assert isinstance(made.one, Remembered)
    found = caller("ask", "What did we decide about the gateway?", user=user)
    assert isinstance(found.one, Recalled)
    assert found.trace["understood"]["intent"] == "recall"
    figures = caller("ask", "Analyze memory performance").one
    assert set(figures) == set(caller("stats"))


def test_a_list_is_read_page_by_page(caller: Caller, user: str) -> None:
    ids = stored(caller, user, *(f"number {n} {user}" for n in range(7)))
    tagged = caller("remember", f"tagged {user}", user=user, tags={"a b": "c=d&e"}).one.id
    for page in (1, 3, 7, 1000):
        listed = caller("list", user=user, page=page)
        assert [memory.id for memory in listed] == [tagged, *reversed(ids)]
    assert [m.id for m in caller("list", user=user, tags={"a b": "c=d&e"})] == [tagged]
    assert caller("list", user=user, kind="business", since="2020-01-01") == []
    assert caller("list", user="nobody") == []


def test_what_has_ended_is_listed_where_it_is_wanted(caller: Caller, user: str) -> None:
    [id_] = stored(caller, user, "soon over", expires=timedelta(milliseconds=1))
    assert caller("list", user=user) == []
    assert [memory.id for memory in caller("list", user=user, ended=True)] == [id_]


def test_a_change_names_the_version_it_was_decided_on(caller: Caller, user: str) -> None:
    [id_] = stored(caller, user, "Ports are 8080", tags={"a": "1"})
    changed = caller("update", id_, content="Ports are 8081", tags={"b": "2"}, version=1).one
    assert (changed.content, changed.version) == ("Ports are 8081", 2)
    assert changed.tags == {"a": "1", "b": "2"}
    assert problem(lambda: caller("update", id_, speaker="ann", version=1)) == (
        "conflict",
        "Conflict",
    )
    assert problem(lambda: caller("forget", id_, version=1)) == ("conflict", "Conflict")
    assert caller("update", id_, expires="never").one.version == 3
    actions = [event.action for event in caller("history", str(id_))]
    assert actions == ["remembered", "updated", "updated"]


def test_what_is_forgotten_is_gone_and_has_a_receipt(caller: Caller, user: str) -> None:
    one, *more = stored(caller, user, *(f"forget me {n}" for n in range(4)))
    receipt = caller("forget", one).one
    assert isinstance(receipt, Receipt)
    assert (receipt.id, receipt.complete) == (one, True)
    assert len(caller("forget", more)) == 3
    assert caller("list", user=user) == []
    assert problem(lambda: caller("get", one)) == ("not_found", "NotFound")
    assert caller("history", one)[-1].action == "forgotten"


MISTAKES: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("remember", ("",), {}, "InvalidInput"),
    ("remember", ("x",), {"at": "whenever"}, "InvalidInput"),
    ("remember", ("x",), {"expires": "2020-01-01"}, "InvalidInput"),
    ("remember", ("x",), {"colour": "red"}, "InvalidInput"),
    ("remember", ([{"content": "x"}] * 1001,), {}, "TooLarge"),
    ("remember", ([],), {}, "InvalidInput"),
    ("recall", ("",), {}, "InvalidInput"),
    ("recall", ("x",), {"limit": 0}, "InvalidInput"),
    ("recall", ("x",), {"kind": "poetry"}, "InvalidInput"),
    ("recall", ("x",), {"since": "2026-02-01", "until": "2026-01-01"}, "InvalidInput"),
    ("recall", ("x",), {"since": timedelta(seconds=-1)}, "InvalidInput"),
    ("similar", ("x" * 200_000,), {}, "InvalidInput"),
    ("list", (), {"page": 0}, "InvalidInput"),
    ("get", ("no-id",), {}, "InvalidInput"),
    ("get", (uuid4(),), {}, "NotFound"),
    ("history", (uuid4(),), {}, "NotFound"),
    ("update", (uuid4(),), {"speaker": "ann"}, "NotFound"),
    ("update", (uuid4(),), {}, "InvalidInput"),
    ("forget", (uuid4(),), {}, "NotFound"),
    ("forget", ([uuid4(), uuid4()],), {}, "NotFound"),
    ("forget", ([],), {}, "InvalidInput"),
    ("forget", ([uuid4()] * 1001,), {}, "TooLarge"),
    ("forget", ([uuid4()],), {"version": 1}, "InvalidInput"),
]


@pytest.mark.parametrize(("name", "arguments", "options", "error"), MISTAKES)
def test_mistakes_are_the_same_errors_everywhere(
    callers: list[Caller],
    name: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    error: str,
) -> None:
    said = {problem(lambda each=each: each(name, *arguments, **options)) for each in callers}
    assert {kind for _, kind in said} == {error}
    assert len(said) == 1


def test_all_ways_lead_to_the_same_values(callers: list[Caller], user: str) -> None:
    [id_, *_] = stored(callers[0], user, "Acme pays for 40 seats", "Dana is the champion", at=AT)
    for name, arguments, options in (
        ("get", (id_,), {}),
        ("history", (id_,), {}),
        ("list", (), {"user": user}),
        ("recall", ("how many seats?",), {"user": user}),
        ("recall", ("how many seats?",), {"user": user, "explain": True, "diverse": True}),
        ("similar", ("seats",), {"user": user, "explain": True}),
        ("recall", ("last month?",), {"user": user, "now": AT + timedelta(days=20)}),
        ("remember", ("Acme pays for 40 seats",), {"user": user, "kind": "coding", "at": AT}),
    ):
        first, *others = [each(name, *arguments, **options) for each in callers]
        assert first
        assert others == [first] * 5
