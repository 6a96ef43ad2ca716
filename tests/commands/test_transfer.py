"""`sophia export` and `import`: everything out and in again, audit included."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest

from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console
from tests.commands.stores import opened_console


def _fill(console: Console) -> None:
    """Something of everything: kinds, sessions, links, an update, an expiry, a forgotten one."""
    old = console.remember("The office is in Berlin 🏢", "--tag", "site=berlin", "--user", "ann")
    new = console.remember("The office moved to Hamburg", "--speaker", "Dana", "--at", "2026-01-02")
    console.ok("link", new, old, "--relation", "supersedes")
    for n in range(3):
        console.remember(f"turn {n}\nwith two lines", "--session", "retro", "--kind", "coding")
    console.ok("update", new, "The office moved to Altona", "--expires", "2099-01-01")
    console.ok("forget", console.remember("the code is 4711"))


_TYPES = ("memory", "event", "link", "feedback")


def _records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_export_goes_into_an_empty_store_and_comes_out_equal(empty: Console) -> None:
    _fill(empty)
    written = empty.data("export", "backup.jsonl")[0]
    path = empty.cwd / "backup.jsonl"
    text = path.read_text()
    assert written == {"records": len(text.splitlines()), "file": str(path)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert empty.ok("export").out == text

    with opened_console() as other:
        imported = other.data("import", str(path))[0]
        types = [record["type"] for record in _records(text)]
        assert imported["new"] == {name: types.count(name) for name in _TYPES}
        assert imported["bad"] == []
        assert other.ok("export").out == text

        again = other.data("import", "-", stdin=text.encode())[0]
        assert again["new"] == dict.fromkeys(_TYPES, 0)
        assert again["read"] == len(types)
        assert other.ok("export").out == text

        found = other.data("recall", "where is the office?", "--explain")
        assert found == empty.data("recall", "where is the office?", "--explain")
        assert found[0]["content"] == "The office moved to Altona"
        assert "The office is in Berlin 🏢" not in {memory["content"] for memory in found}
        assert other.data("stats")[0]["memories"] == empty.data("stats")[0]["memories"]
        ours, theirs = (each.data("stats")[0]["vectors"] for each in (empty, other))
        assert theirs["points"] == ours["points"]
        assert other.remember("turn 1\nwith two lines", "--session", "retro", "--kind", "coding")
        assert len(other.data("list", "--session", "retro")) == 3


def test_what_was_forgotten_elsewhere_is_stored_anew_when_it_is_said_again(empty: Console) -> None:
    said = "the office is in Berlin"
    empty.remember(said)
    records = _records(empty.ok("export").out)
    memory = next(each for each in records if each["type"] == "memory")
    assert memory["content_hash"]
    forgotten = {**memory, "forgotten_at": memory["created_at"], "content": ""}
    with opened_console() as other:
        assert other.data("import", "-", stdin=json.dumps(forgotten).encode())[0]["new"]["memory"]
        assert other.remember(said) != memory["id"]
        assert [each["content"] for each in other.data("list")] == [said]


def test_bad_lines_are_reported_with_their_number_and_the_rest_goes_on(empty: Console) -> None:
    empty.remember("worth keeping")
    lines = empty.ok("export").out.splitlines()
    broken = [
        *("not json", "[]", '{"type":"memory"}', "", lines[0][:-1]),
        lines[0].replace('"kind":"', '"kind":"x'),
        lines[0].replace("worth keeping", "\\ud800"),
    ]
    (empty.cwd / "broken.jsonl").write_text("\n".join([*broken, *lines]))
    with opened_console() as other:
        ended = other("--json", "import", str(empty.cwd / "broken.jsonl"))
        assert ended.status is ExitStatus.PARTLY_DONE
        assert ended.envelope["status"] == "degraded"
        row = ended.data[0]
        assert [bad["line"] for bad in row["bad"]] == [1, 2, 3, 5, 6, 7]
        assert row["new"]["memory"] == 1
        shown = other("import", str(empty.cwd / "broken.jsonl"))
        assert "broken.jsonl:2: not a record of `sophia export`" in shown.err


@pytest.mark.parametrize("target", ["", " ", ".", "missing/backup.jsonl", "backup.jsonl/x"])
def test_an_export_that_cannot_be_written_leaves_nothing_behind(
    console: Console, target: str
) -> None:
    (console.cwd / "backup.jsonl").write_text("the one before")
    before = sorted(console.cwd.rglob("*"))
    ended = console("export", target)
    assert ended.status in (ExitStatus.FAILED, ExitStatus.USAGE)
    assert len(ended.err.splitlines()) <= 2
    assert sorted(console.cwd.rglob("*")) == before
    assert (console.cwd / "backup.jsonl").read_text() == "the one before"


@pytest.mark.parametrize("source", ["missing.jsonl", "."])
def test_an_import_of_what_is_no_file(console: Console, source: str) -> None:
    ended = console("import", source)
    assert ended.status in (ExitStatus.FAILED, ExitStatus.USAGE)
    assert len(ended.err.splitlines()) <= 2
