"""`sophia remember`: one memory, once, with everything that was said about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console


def test_the_same_text_in_the_same_scope_is_one_memory(console: Console, user: str) -> None:
    first, again = (
        console.data("remember", "Deploys need two approvals", "--user", user)[0] for _ in range(2)
    )
    assert first["created"]
    assert not again["created"]
    assert again["id"] == first["id"]
    assert len(console.data("list", "--user", user)) == 1


def test_another_scope_or_other_words_are_another_memory(console: Console, user: str) -> None:
    text = "The cache is warmed at start"
    ids = {
        console.remember(text, "--user", user),
        console.remember(text, "--user", f"{user}-b"),
        console.remember(text, "--user", user, "--agent", "helper"),
        console.remember(text, "--user", user, "--session", "standup"),
        console.remember(text, "--user", user, "--speaker", "Dana"),
        console.remember(text, "--user", user, "--kind", "business"),
        console.remember(f"{text} up", "--user", user),
    }
    assert len(ids) == 7


def test_line_ends_control_characters_and_outer_blanks_make_no_difference(
    console: Console, user: str
) -> None:
    plain = console.remember("one\ntwo", "--user", user)
    assert console.remember("  one\r\ntwo\x07\x1b\n", "--user", user) == plain


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("We chose Qdrant over Weaviate for the memory cluster because of filtering", "coding"),
        ("Acme renewed for 40 seats, champion is Dana", "business"),
    ],
)
def test_the_kind_is_told_by_the_words_and_explained(
    console: Console, user: str, text: str, kind: str
) -> None:
    stored = console.data("remember", text, "--user", user, "--explain")[0]
    assert stored["kind"] == kind
    assert stored["explain"]
    shown = console.ok("remember", text, "--user", user, "--explain")
    assert f"({kind})" in shown.out
    assert stored["explain"] in shown.err


def test_a_given_kind_overrules_the_words(console: Console, user: str) -> None:
    arguments = ("remember", "Acme renewed for 40 seats", "--user", user, "--kind", "coding")
    stored = console.data(*arguments, "--explain")[0]
    assert (stored["kind"], stored["explain"]) == ("coding", "given")


def test_everything_that_is_said_about_it_is_kept(console: Console, user: str) -> None:
    now = datetime(2031, 5, 4, 12, tzinfo=UTC)
    console.now = lambda: now
    id_ = console.remember(
        "The outbox drains every second",
        *("--user", user, "--agent", "helper", "--session", "retro", "--speaker", "Dana"),
        *("--tag", "team=platform", "--tag", "url=https://example.com/?a=b"),
        *("--at", "yesterday", "--expires", "30d"),
    )
    shown = console.data("show", id_)[0]
    assert shown["content"] == "The outbox drains every second"
    assert (shown["user"], shown["agent"], shown["speaker"]) == (user, "helper", "Dana")
    assert (shown["session"], shown["turn"]) == ("retro", 0)
    assert shown["tags"] == {"team": "platform", "url": "https://example.com/?a=b"}
    assert shown["said_at"] == "2031-05-03T00:00:00+00:00"
    assert shown["created_at"] == now.isoformat()
    assert shown["expires_at"] == (now + timedelta(days=30)).isoformat()


def test_turns_of_a_session_are_counted(console: Console, user: str) -> None:
    ids = [
        console.remember(f"turn {n}", "--user", user, "--session", "s", "--kind", "coding")
        for n in range(3)
    ]
    assert [console.data("show", id_)[0]["turn"] for id_ in ids] == [0, 1, 2]


def test_the_text_may_come_from_stdin(console: Console, user: str) -> None:
    stored = console.data("remember", "-", "--user", user, stdin="Grüße, 🦄\n".encode())[0]
    assert console.data("show", stored["id"])[0]["content"] == "Grüße, 🦄"


def test_what_has_expired_can_be_said_again(console: Console, user: str) -> None:
    first = console.remember("Freeze until Monday", "--user", user, "--expires", "1d")
    later = console.now() + timedelta(days=2)
    console.now = lambda: later
    assert console.remember("Freeze until Monday", "--user", user) != first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("",), "the text is empty"),
        ((" \n\t",), "the text is empty"),
        (("\x07\x1b",), "the text is empty"),
        (("x" * 1_000_000,), "1,000,000 characters, at most 100,000"),
        (("bad \udcff byte",), "not valid UTF-8 at character 5"),
        (("x", "--tag", "platform"), "'platform' has no ="),
        (("x", "--tag", "=platform"), "not a tag"),
        (("x", "--at", "smarch"), "--at: 'smarch' is not a time"),
        (("x", "--at", "2026-02-30"), "is not a time"),
        (("x", "--expires", "yesterday"), "is over already"),
        (("x", "--expires", "soon"), "--expires: 'soon' is not a time"),
        (("x", "--user", " "), "the user is empty"),
        (("x", "--session", "s" * 201), "the session is longer than 200"),
        (("x", "--kind", "sales"), "sales"),
        (("x", "--tags", "a=b"), "No such option: --tags".lower()),
        ((), "missing argument"),
        (("two", "words"), "unexpected extra argument"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_one_line(
    console: Console, user: str, arguments: tuple[str, ...], said: str
) -> None:
    ended = console("remember", *arguments, *(() if "--user" in arguments else ("--user", user)))
    assert ended.status is ExitStatus.USAGE
    assert said in ended.err.splitlines()[0].lower() or said in ended.err.splitlines()[0]
    assert len(ended.err.splitlines()) <= 2
    assert ended.out == ""
    assert console.data("list", "--user", user) == []
