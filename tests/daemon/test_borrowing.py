"""The loan of the vectors: what goes over the socket comes back as it was."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from sophia_cli.daemon.borrowing import _entry_to_json, lend
from sophia_cli.memory.model import Kind
from sophia_cli.memory.wire import memory_from_json
from sophia_cli.tiers.vectors.edge import EdgeVectors
from tests.tiers.vectors.entries import DIMENSION, entry, memory, numbered


def test_a_lent_index_takes_and_gives_memories_whole(tmp_path: Path) -> None:
    vectors = EdgeVectors(tmp_path, DIMENSION)
    whole = memory(1, "Größe 🧠", user="ana", tags={"k": "v"})
    calls: list[list[Any]] = [
        ["upsert", "coding", [_entry_to_json(entry(1, memory=whole, around={-1: "before"}))]],
        ["memories", "coding", [str(numbered(1)), str(numbered(2))]],
    ]
    answers = io.StringIO()
    try:
        lend(vectors, io.StringIO("".join(json.dumps(call) + "\n" for call in calls)), answers)
        assert vectors.memories(Kind.CODING, [numbered(1)]) == {numbered(1): whole}
    finally:
        vectors.close()
    [_, given] = [json.loads(line)["result"] for line in answers.getvalue().splitlines()]
    assert [memory_from_json(each) for each in given] == [whole]
