"""A home whose resident process runs and holds some memories, shared where a test harms nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Sophia, temporary_home

MEMORIES = [
    ("We chose Qdrant over Weaviate because of filtering speed", "coding", "alpha"),
    ("The deployment failed since the migration locked the table for an hour", "coding", "alpha"),
    ("Acme renewed for 40 seats, champion is Dana", "business", "sales"),
    ("Globex asked for an offer with a discount of ten percent " * 4, "business", "sales"),
]


def seeded(sophia: Sophia) -> Sophia:
    lines = [
        json.dumps({"content": content, "kind": kind, "session": session, "turn": turn})
        for turn, (content, kind, session) in enumerate(MEMORIES)
    ]
    ended = sophia("ingest", "-", "--format", "jsonl", input="\n".join(lines))
    assert ended.returncode == 0, ended.stderr
    return sophia


@pytest.fixture(scope="package")
def shared() -> Iterator[Sophia]:
    """A running home with `MEMORIES`; a test may add to it, and must leave it running."""
    with temporary_home() as home:
        yield seeded(Sophia(home))


@pytest.fixture
def served(shared: Sophia) -> Iterator[Sophia]:
    """The shared home; the same resident process must be healthy before and after the test."""
    before = shared.resident()
    yield shared
    assert shared.resident() == before
    assert shared("recall", "which vector database?").returncode == 0


@pytest.fixture
def running(sophia: Sophia) -> Sophia:
    """A home of the test's own, with the resident process up and one memory."""
    assert sophia("remember", "the first memory of this home").returncode == 0
    return sophia


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))
