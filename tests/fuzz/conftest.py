"""One store for all generated command lines, with a folder of files of every kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.console import Console
from tests.commands.stores import opened_console

_TEXTS = {
    "notes.md": "# Decisions\n\nWe chose Qdrant.\n\n```python\nx = 1\n```\n\n## Later\n\n- one\n",
    "plain.txt": "One paragraph.\n\nAnother one, with \x1b[31mcolour\x1b[0m.\n",
    "chat.txt": "[2024-05-01 10:00] Ann: hello\n[2024-05-01 10:01] Bob: hi there\n",
    "export.json": '{"messages": [{"role": "user", "content": "hello"}, 7, {"role": []}]}',
    "broken.json": '[{"content": "x"',
    "git.log": "commit 0123abc4567\nAuthor: A <a@example.com>\nDate: never\n\n    Message\n",
    "empty.txt": "",
    "[bold].md": "[bold]not markup[/bold]\n",
    "sophia.yaml": "recall:\n  limit: 5\n",
    "folder/deep/note.txt": "Deep down.\n",
}
_LINES = (
    *(
        '{"content": "a fact", "kind": "coding", "tags": {"a": "b"}}',
        "{",
        "[]",
        "7",
        '{"content": 7}',
    ),
    *(
        '{"content": "x", "unknown": 1}',
        '{"content": "x", "at": "never"}',
        '{"content": "\\ud800"}',
    ),
    *('{"content": "x", "turn": 99999999999}', '{"content": "x", "tags": 3}', "[" * 5_000),
)


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    with opened_console() as console:
        _fill(console.cwd)
        for text in ("We chose Qdrant", "Acme renewed for 40 seats", "The outbox is drained"):
            console.remember(text, "--tag", "team=platform", "--user", "ann")
        backup = console.ok("export").out
        (console.cwd / "backup.jsonl").write_text(backup)
        records = [json.loads(line) for line in reversed(backup.splitlines())]
        for record in records:
            record["created_at"] = record.get("at") or "0001-01-01T00:00:00+14:00"
        (console.cwd / "backwards.jsonl").write_text("\n".join(map(json.dumps, records)))
        yield console


def _fill(folder: Path) -> None:
    for name, text in _TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "lines.jsonl").write_text("\n".join(_LINES))
    (folder / "binary.bin").write_bytes(bytes(range(256)) * 40)
    (folder / "latin.txt").write_bytes("Grüße aus München\n".encode("latin-1"))
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere")
