"""`sophia ask`: plain language. Which sentence means what is tested with `memory.asking`."""

from __future__ import annotations

from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console


def test_it_remembers_and_answers(console: Console, user: str) -> None:
    told = console.ok("ask", "Remember this: writes go through the outbox", "--user", user)
    assert told.err == "understood: remember: writes go through the outbox\n"
    assert told.out.startswith("remembered ")
    asked = console.ok("ask", "What did we decide about writes?", "--user", user)
    assert "1. writes go through the outbox" in asked.out
    assert asked.err.startswith("understood: recall: What did we decide about writes?")


def test_it_finds_what_is_similar(console: Console, user: str) -> None:
    id_ = console.remember("Login fails once the token has expired", "--user", user)
    console.remember("Acme renewed for 40 seats", "--user", user)
    found = console.data("ask", "Find similar bugs to expired credentials", "--user", user)
    assert found[0]["id"] == id_


def test_it_shows_all_discussions(console: Console, user: str) -> None:
    ids = {console.remember(f"Customer health, part {n}", "--user", user) for n in range(15)}
    ask = ("ask", "Show me all discussions about customer health", "--user", user)
    assert {memory["id"] for memory in console.data(*ask)} == ids
    assert len(console.data(*ask, "-n", "3")) == 3


def test_it_reports_how_the_memory_performs(console: Console) -> None:
    told = console.ok("--json", "ask", "Analyze memory performance").envelope
    assert told["trace"]["understood"]["intent"] == "performance"
    assert {"memories", "latencies"} <= set(told["data"][0])


def test_it_says_what_it_understood_to_programs_too(console: Console, user: str) -> None:
    told = console.ok("--json", "ask", "Find all mentions of Redis", "--user", user).envelope
    assert told["command"] == "ask"
    assert told["trace"]["understood"] == {"intent": "discussions", "text": "Redis"}


def test_a_kind_and_a_user_hold_for_what_is_remembered(console: Console, user: str) -> None:
    told = console.data(
        "ask", "Remember that Acme renewed", "--kind", "coding", "--user", user, "--explain"
    )
    assert (told[0]["kind"], told[0]["explain"]) == ("coding", "given")
    assert console.data("show", told[0]["id"])[0]["user"] == user


def test_an_empty_sentence_is_refused(console: Console) -> None:
    ended = console("ask", " ")
    assert ended.status is ExitStatus.USAGE
    assert ended.err.startswith("sophia: the sentence is empty\n")
