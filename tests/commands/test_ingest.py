"""`sophia ingest`: many memories from files. How each format is read is tested with `reading`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console

CHAT = "[2024-05-01 10:00] Ann: shall we deploy?\n[2024-05-01 10:01] Bob: the build is red\n"


@pytest.fixture
def folder(console: Console, tmp_path: Path) -> Path:
    console.cwd = tmp_path
    return tmp_path


def test_files_become_memories_once(console: Console, user: str, folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "notes" / "api.md").write_text("# API\n\nThe gateway retries.\n\n## Limits\n\nTen.\n")
    (folder / "plain.txt").write_text("One paragraph about the build.\n\nAnother one.\n")
    first = console.data("ingest", "notes", "plain.txt", "--user", user)[0]
    assert first["created"] == len(console.data("list", "--user", user)) > 2
    assert (first["known"], first["bad"]) == (0, [])
    again = console.data("ingest", "notes", "plain.txt", "--user", user)[0]
    assert (again["created"], again["known"]) == (0, first["created"])
    found = console.data("recall", "what does the gateway do?", "--user", user)
    assert "The gateway retries." in found[0]["content"]


def test_a_chat_keeps_its_speakers_turns_and_times(
    console: Console, user: str, folder: Path
) -> None:
    (folder / "standup.txt").write_text(CHAT)
    console.ok("ingest", "standup.txt", "--user", user, "--session", "monday")
    bob, ann = console.data("list", "--user", user)
    assert (ann["speaker"], ann["turn"], ann["session"]) == ("Ann", 0, "monday")
    assert (bob["speaker"], bob["turn"], bob["content"]) == ("Bob", 1, "the build is red")
    assert bob["said_at"] == "2024-05-01T10:01:00+00:00"


def test_stdin_is_read_too(console: Console, user: str, folder: Path) -> None:
    line = json.dumps({"content": "from a pipe", "kind": "coding", "tags": {"a": "b"}})
    row = console.data("ingest", "-", "--user", user, stdin=line.encode())[0]
    assert row["created"] == 1
    memory = console.data("list", "--user", user)[0]
    assert (memory["content"], memory["kind"]) == ("from a pipe", "coding")
    assert memory["tags"]["a"] == "b"


def test_a_given_kind_holds_for_all(console: Console, user: str, folder: Path) -> None:
    (folder / "notes.md").write_text("# Build\n\nThe compiler crashes on templates.\n")
    row = console.data("ingest", "notes.md", "--user", user, "--kind", "business")[0]
    assert row["kinds"] == {"coding": 0, "business": row["created"]}


def test_a_bad_line_is_reported_and_the_rest_goes_on(
    console: Console, user: str, folder: Path
) -> None:
    lines = ['{"content": "first"}', "{broken", '{"content": "third", "at": "smarch"}']
    (folder / "facts.jsonl").write_text("\n".join([*lines, '{"content": "last"}', ""]))
    ended = console("ingest", "facts.jsonl", "--user", user)
    assert ended.status is ExitStatus.PARTLY_DONE
    assert "facts.jsonl:2: " in ended.err
    assert "facts.jsonl:3: " in ended.err
    assert {memory["content"] for memory in console.data("list", "--user", user)} >= {
        *("first", "last")
    }


def test_hundreds_of_bad_lines_are_counted_not_printed(
    console: Console, user: str, folder: Path
) -> None:
    (folder / "facts.jsonl").write_text("{broken\n" * 300 + '{"content": "the good one"}\n')
    ended = console("ingest", "facts.jsonl", "--user", user)
    assert len(ended.err.splitlines()) == 21
    assert "and 280 more" in ended.err
    row = console("--json", "ingest", "facts.jsonl", "--user", user).data[0]
    assert len(row["bad"]) == 300


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.md",), "there is no such file"),
        (("",), "not a path"),
        (("empty.txt",), "nothing to remember"),
        (("empty.txt", "--user", " "), "the user is empty"),
        (("empty.txt", "--format", "pdf"), "pdf"),
        ((), "missing argument"),
    ],
)
def test_what_cannot_be_read_is_said(
    console: Console, folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    (folder / "empty.txt").write_text("")
    ended = console("ingest", *arguments)
    assert ended.status is ExitStatus.USAGE
    assert said in ended.err


def test_a_binary_file_is_no_text(console: Console, user: str, folder: Path) -> None:
    (folder / "photo.bin").write_bytes(bytes(range(256)))
    ended = console("ingest", "photo.bin", "--user", user)
    assert ended.status is ExitStatus.PARTLY_DONE
    assert ended.err.splitlines()[0] == f"{folder / 'photo.bin'}: not a text in UTF-8"
