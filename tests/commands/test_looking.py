"""`sophia show`, `list` and `history`: reading what is stored."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console


def test_the_beginning_of_an_id_is_enough(console: Console, user: str) -> None:
    id_ = console.remember("Short ids are easy to type", "--user", user)
    for given in (id_, id_.upper(), id_.replace("-", ""), id_[:-2]):
        assert console.data("show", given)[0]["id"] == id_
    shown = console.ok("show", id_).out
    assert shown.startswith("Short ids are easy to type\n")
    assert f"id           {id_}" in shown


@pytest.mark.parametrize("command", ["show", "history", "forget", "update"])
@pytest.mark.parametrize(
    ("id_", "status", "said"),
    [
        ("00000000-0000-7000-8000-000000000000", ExitStatus.FAILED, "no memory 00000000-"),
        ("0198", ExitStatus.USAGE, "not a memory's id: '0198'"),
        ("latest", ExitStatus.USAGE, "not a memory's id: 'latest'"),
        ("\udcff\x1b[31m", ExitStatus.USAGE, "not a memory's id"),
    ],
)
def test_an_id_that_names_nothing(
    console: Console, command: str, id_: str, status: ExitStatus, said: str
) -> None:
    ended = console(command, id_, *(["text"] if command == "update" else []))
    assert ended.status is status
    assert ended.err.startswith(f"sophia: {said}")
    assert "\x1b" not in ended.err


def test_a_beginning_that_several_share_is_refused(console: Console, user: str) -> None:
    ids = [console.remember(f"twin {n}", "--user", user) for n in range(2)]
    ended = console("show", ids[0][:6])
    assert ended.status is ExitStatus.USAGE
    assert "several memories begin with" in ended.err


def test_the_list_is_newest_first_and_goes_on_page_by_page(console: Console, user: str) -> None:
    ids = [console.remember(f"number {n}", "--user", user) for n in range(5)]
    listed: list[str] = []
    page: list[str] = []
    while found := console.data("list", "--user", user, "-n", "2", *page):
        listed += [memory["id"] for memory in found]
        page = ["--before", listed[-1]]
    assert listed == ids[::-1]
    hint = console.ok("list", "--user", user, "-n", "2").err
    assert hint == f"next page: sophia list --before {ids[3]}\n"


def test_what_has_ended_is_listed_only_with_all(console: Console, user: str) -> None:
    ending = console.remember("gone tomorrow", "--user", user, "--expires", "1d")
    old = console.remember("the old way", "--user", user)
    new = console.remember("the new way", "--user", user)
    console.ok("link", new, old, "--relation", "supersedes")
    later = console.now() + timedelta(days=2)
    console.now = lambda: later
    listed = [memory["id"] for memory in console.data("list", "--user", user)]
    assert listed == [new]
    everything = [memory["id"] for memory in console.data("list", "--user", user, "--all")]
    assert everything == [new, old, ending]


def test_the_list_is_filtered(console: Console, user: str) -> None:
    coding = console.remember("a", "--user", user, "--kind", "coding", "--tag", "team=platform")
    business = console.remember("b", "--user", user, "--kind", "business", "--at", "2020-01-01")
    for arguments, expected in (
        (("--kind", "coding"), [coding]),
        (("--tag", "team=platform"), [coding]),
        (("--until", "2021-01-01"), [business]),
        (("--since", "2021-01-01"), [coding]),
        (("--session", "none such"), []),
    ):
        found = console.data("list", "--user", user, *arguments)
        assert [memory["id"] for memory in found] == expected, arguments


def test_the_history_tells_what_happened_in_order(console: Console, user: str) -> None:
    id_ = console.remember("the first words", "--user", user)
    other = console.remember("another", "--user", user)
    console.ok("update", id_, "the second words")
    console.ok("link", id_, other)
    console.ok("link", other, id_, "--relation", "supersedes")
    events = console.data("history", id_)
    assert [event["action"] for event in events] == [
        *("remembered", "updated", "linked", "superseded")
    ]
    assert events[1]["detail"] == {"before": {"content": "the first words"}}
    assert events[2]["detail"] == {"relation": "related", "to": other}
    assert "updated" in console.ok("history", id_).out
