"""`sophia update`, `link` and `forget`: what changes, everywhere, and what is left."""

from __future__ import annotations

from uuid import UUID

import pytest

from sophia_cli.exit_status import ExitStatus
from sophia_cli.memory.model import KINDS
from tests.commands.console import Console


def test_an_updated_memory_is_recalled_by_its_new_words(console: Console, user: str) -> None:
    console.remember("We pay by invoice", "--user", user)  # scores are relative: it takes two
    id_ = console.remember("We deploy with Jenkins", "--user", user, "--tag", "team=ops")
    changed = console.data("update", id_, "We deploy with Argo", "--tag", "since=2026")[0]
    assert changed["content"] == "We deploy with Argo"
    assert changed["version"] == 2
    assert changed["tags"] == {"team": "ops", "since": "2026"}
    found = console.data("recall", "Argo", "--user", user, "--explain")
    assert found[0]["content"] == "We deploy with Argo"
    assert found[0]["explain"]["bm25_context"] > 0
    old = console.data("recall", "Jenkins", "--user", user, "--explain")
    assert all("bm25_context" not in memory["explain"] for memory in old)


def test_every_field_of_an_update(console: Console, user: str) -> None:
    id_ = console.remember("Dana said yes", "--user", user, "--kind", "business")
    changed = console.data(
        *("update", id_, "--kind", "coding", "--speaker", "Dana", "--at", "2026-01-02"),
        *("--expires", "2099-01-01"),
    )[0]
    assert (changed["kind"], changed["speaker"]) == ("coding", "Dana")
    assert changed["said_at"] == "2026-01-02T00:00:00+00:00"
    assert changed["expires_at"] == "2099-01-01T00:00:00+00:00"
    found = console.data("recall", "Dana said yes", "--user", user, "--kind", "coding")
    assert [memory["id"] for memory in found] == [id_]
    assert console.data("recall", "Dana said yes", "--user", user, "--kind", "business") == []
    assert console.data("update", id_, "--expires", "never")[0]["expires_at"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "there is nothing to change"),
        (("",), "the text is empty"),
        (("--expires", "1s ago"), "is not a time"),
        (("--speaker", " "), "the speaker is empty"),
    ],
)
def test_an_update_that_cannot_be_made(
    console: Console, user: str, arguments: tuple[str, ...], said: str
) -> None:
    id_ = console.remember("as it was", "--user", user)
    ended = console("update", id_, *arguments)
    assert ended.status is ExitStatus.USAGE
    assert said in ended.err
    assert console.data("show", id_)[0]["version"] == 1


def test_an_update_to_what_another_memory_says_is_refused(console: Console, user: str) -> None:
    first = console.remember("said once", "--user", user, "--kind", "coding")
    second = console.remember("said twice", "--user", user, "--kind", "coding")
    ended = console("update", second, "said once")
    assert ended.status is ExitStatus.USAGE
    assert first in ended.err


def test_links_are_shown_from_both_sides_and_made_once(console: Console, user: str) -> None:
    one, two = (console.remember(f"side {n}", "--user", user) for n in range(2))
    assert console.data("link", one, two, "--relation", "caused-by")[0]["created"]
    assert not console.data("link", one, two, "--relation", "caused-by")[0]["created"]
    link = {"source": one, "relation": "caused-by", "target": two}
    for id_ in (one, two):
        assert console.data("show", id_)[0]["links"] == [link]


@pytest.mark.parametrize("relation", ["", "Related To", "x" * 41, "[bold]", "a;b"])
def test_a_relation_is_one_plain_word(console: Console, user: str, relation: str) -> None:
    id_ = console.remember("one", "--user", user)
    ended = console("link", id_, id_, "--relation", relation)
    assert ended.status is ExitStatus.USAGE
    assert "not a relation" in ended.err


def test_a_memory_is_not_linked_to_itself(console: Console, user: str) -> None:
    id_ = console.remember("alone", "--user", user)
    assert console("link", id_, id_).status is ExitStatus.USAGE


def test_a_forgotten_memory_is_gone_from_every_tier_and_the_receipt_says_so(
    console: Console, user: str
) -> None:
    id_ = console.remember("the code is 4711", "--user", user, "--tag", "secret=4711")
    console.ok("update", id_, "the code is 4712")
    assert console.data("recall", "what is the code?", "--user", user)  # now cached
    receipt = console.data("forget", id_)[0]
    assert receipt == {
        "id": id_,
        "complete": True,
        "tiers": {
            "records": "erased",
            "vectors": "erased",
            "gpu_cache": "erased",
            "hot_cache": "erased",
        },
    }
    for command in ("recall", "similar"):
        assert console.data(command, "what is the code?", "--user", user) == []
    assert console.data("list", "--user", user, "--all") == []
    shown = console("show", id_)
    assert shown.status is ExitStatus.FAILED
    assert "was forgotten" in shown.err
    history = console.ok("history", id_).out
    assert "forgotten" in history
    exported = console.ok("export").out
    for word in ("4711", "4712"):
        assert word not in history
        assert word not in exported
    for kind in KINDS:
        assert console.service.vectors.present(kind, [UUID(id_)]) == set()


def test_forgetting_twice_gives_the_same_receipt(console: Console, user: str) -> None:
    id_ = console.remember("twice", "--user", user)
    assert console.data("forget", id_) == console.data("forget", id_)
    events = [event["action"] for event in console.data("history", id_)]
    assert events == ["remembered", "forgotten"]


def test_what_was_forgotten_may_be_said_again(console: Console, user: str) -> None:
    first = console.remember("said, unsaid, said", "--user", user)
    console.ok("forget", first)
    second = console.remember("said, unsaid, said", "--user", user)
    assert second != first
    found = console.data("recall", "said, unsaid, said", "--user", user)
    assert [memory["id"] for memory in found] == [second]


def test_a_neighbour_in_the_session_forgets_the_words_too(console: Console, user: str) -> None:
    scope = ("--user", user, "--session", "s", "--kind", "coding")
    kept = console.remember("We should rotate it", *scope)
    gone = console.remember("The xylophone passphrase leaked", *scope)
    elsewhere = console.remember("Nothing to do with it", "--user", user, "--kind", "coding")
    ask = ("recall", "xylophone", "--user", user, "--explain")
    before = {
        memory["id"]: memory["explain"].get("bm25_context", 0) for memory in console.data(*ask)
    }
    assert before[kept] > 0 > before[elsewhere]
    console.ok("forget", gone)
    after = {
        memory["id"]: memory["explain"].get("bm25_context", 0) for memory in console.data(*ask)
    }
    assert after == {kept: 0, elsewhere: 0}


def test_forget_by_query_shows_first_and_takes_as_many_as_it_is_told(
    console: Console, user: str
) -> None:
    phone = console.remember("Dana's phone number is 0123", "--user", user)
    other = console.remember("Dana likes green tea", "--user", user)
    query = ("forget", "--query", "Dana's phone number", "--user", user)
    assert [memory["id"] for memory in console.data(*query, "--dry-run")] == [phone]
    assert "would forget 1:" in console.ok(*query, "--dry-run").err
    assert len(console.data("list", "--user", user)) == 2
    refused = console(*query)
    assert refused.status is ExitStatus.REFUSED
    assert "give --yes" in refused.err
    assert console("--json", *query).envelope["error"]["code"] == "refused"
    assert [receipt["id"] for receipt in console.data(*query, "--yes")] == [phone]
    assert [memory["id"] for memory in console.data("list", "--user", user)] == [other]


def test_on_a_terminal_forget_by_query_asks(console: Console, user: str) -> None:
    console.remember("Dana's phone number is 0123", "--user", user)
    query = ("forget", "--query", "phone", "--user", user)
    for answer in (b"n\n", b"\n", b""):
        said_no = console(*query, stdin=answer, terminal=True)
        assert said_no.status is ExitStatus.REFUSED
        assert "forget these 1 for good? [y/N]" in said_no.err
    assert len(console.data("list", "--user", user)) == 1
    console.ok(*query, stdin=b"y\n", terminal=True)
    assert console.data("list", "--user", user) == []


@pytest.mark.parametrize(
    "arguments", [(), ("--yes",), ("0198c2f17a3b", "--query", "x"), ("--query", " ")]
)
def test_forget_wants_ids_or_a_query(console: Console, arguments: tuple[str, ...]) -> None:
    assert console("forget", *arguments).status is ExitStatus.USAGE


def test_an_unknown_id_among_others_forgets_none(console: Console, user: str) -> None:
    id_ = console.remember("still here", "--user", user)
    ended = console("forget", id_, "00000000-0000-7000-8000-000000000000")
    assert ended.status is ExitStatus.FAILED
    assert console.data("show", id_)[0]["content"] == "still here"
