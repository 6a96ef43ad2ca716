"""`sophia feedback`: what was right for a question, and what was not."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from sophia_cli.exit_status import ExitStatus
from sophia_cli.memory.marking import MarkedQuestion, marked_questions
from sophia_cli.memory.model import Kind, Where
from tests.commands.console import Console

QUESTION = "which vector database did we pick?"


def marked(console: Console, text: str) -> list[MarkedQuestion]:
    found = marked_questions(console.service.records, console.now())
    return [each for each in found if each.question.text == text]


def test_a_mark_keeps_question_scope_and_verdict(console: Console, user: str) -> None:
    right = console.remember("We picked Qdrant", "--user", user, "--kind", "coding")
    wrong = console.remember("We looked at Weaviate", "--user", user, "--kind", "coding")
    scope = ("--query", QUESTION, "--user", user, "--kind", "coding")
    row = console.data("feedback", right[:-3], *scope)[0]
    assert row == {
        "id": right,
        "query": QUESTION,
        "verdict": "right",
        "changed": True,
        "scope": {"user": user, "kind": "coding"},
    }
    assert console.data("feedback", wrong, *scope, "--wrong")[0]["verdict"] == "wrong"
    [question] = marked(console, QUESTION)
    assert question.question.where == Where(user=user)
    assert question.question.kinds == [Kind.CODING]
    assert (question.right, question.wrong) == ({UUID(right)}, {UUID(wrong)})


def test_marking_twice_a_change_of_mind_and_undoing(console: Console, user: str) -> None:
    id_ = console.remember("We meet on Mondays", "--user", user)
    query = ("--query", f"when does {user} meet?")
    said = console.ok("feedback", id_, *query).out
    assert said.startswith("marked right: We meet on Mondays\n") and id_ in said
    assert console.ok("feedback", id_, *query).out.startswith("is marked right already")
    assert console.ok("feedback", id_, *query, "--wrong").out.startswith("marked wrong")
    [question] = marked(console, query[1])
    assert (question.right, question.wrong) == (frozenset(), {UUID(id_)})
    assert console.ok("feedback", id_, *query, "--undo").out.startswith("no longer marked")
    assert console.ok("feedback", id_, *query, "--undo").out.startswith("was not marked")
    assert marked(console, query[1]) == []


def test_several_memories_and_a_question_from_stdin(console: Console, user: str) -> None:
    ids = [console.remember(f"part {n}", "--user", user) for n in range(2)]
    rows = console.data(
        "feedback", *ids, ids[0], "--query", "-", stdin=f"parts of {user}?".encode()
    )
    assert [row["id"] for row in rows] == ids
    [question] = marked(console, f"parts of {user}?")
    assert question.right == set(map(UUID, ids))


def test_the_time_of_asking_is_kept(console: Console, user: str) -> None:
    id_ = console.remember("We met", "--user", user)
    query = f"what did {user} do last week?"
    console.ok("feedback", id_, "--query", query, "--now", "2026-03-04T10:00Z")
    [question] = marked(console, query)
    assert question.question.asked_at == datetime(2026, 3, 4, 10, tzinfo=UTC)


def test_what_has_ended_is_no_longer_asked_for(console: Console, user: str) -> None:
    old, new = (console.remember(f"{word} rule", "--user", user) for word in ("an old", "a new"))
    query = f"the rule of {user}?"
    console.ok("feedback", old, "--query", query)
    console.ok("link", new, old, "--relation", "supersedes")
    assert marked(console, query) == []
    console.ok("feedback", new, "--query", query)
    console.ok("forget", new)
    assert marked(console, query) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--query", " "), "the question is empty"),
        ((), "--query"),
        (("--query", "x", "--wrong", "--undo"), "--wrong and --undo exclude each other"),
        (("--query", "x", "--kind", "business"), "--kind keeps memory"),
        (("--query", "x", "--user", "nobody-else"), "--user keeps memory"),
        (("--query", "x", "--session", "s"), "--session keeps memory"),
        (("--query", "x", "--now", "whenever"), "--now: "),
    ],
)
def test_a_mark_that_makes_no_sense_is_refused_in_a_line(
    console: Console, user: str, arguments: tuple[str, ...], said: str
) -> None:
    id_ = console.remember("a function", "--user", user, "--kind", "coding")
    ended = console("feedback", id_, *arguments)
    assert ended.status is ExitStatus.USAGE
    assert said in ended.err
    assert len(ended.err.splitlines()) <= 2, "an error and a hint"
    assert not any(
        UUID(id_) in each.right for each in marked_questions(console.service.records, console.now())
    )


def test_a_forgotten_memory_is_not_marked(console: Console, user: str) -> None:
    id_ = console.remember("gone", "--user", user)
    console.ok("forget", id_)
    assert console("feedback", id_, "--query", "x").status is ExitStatus.FAILED
    assert console("feedback", "0198c2f17a3b", "--query", "x").status is ExitStatus.FAILED


def test_marks_are_exported_and_imported(console: Console, user: str) -> None:
    id_ = console.remember("Exported", "--user", user)
    console.ok("feedback", id_, "--query", f"is {user} exported?", "--user", user)
    lines = console.ok("export").out.splitlines()
    assert any(f"is {user} exported?" in line and '"type":"feedback"' in line for line in lines)
