"""A home whose resident process runs and holds some memories, shared where a test harms nothing."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Sophia, temporary_home, wait_until

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
    """A home with `MEMORIES`, and what tests add to it."""
    with temporary_home() as home:
        yield seeded(Sophia(home))


@pytest.fixture
def running(shared: Sophia) -> Iterator[Sophia]:
    """The shared home with its resident process up; whatever a test does, no memory is lost."""
    before = set(shared.contents())
    yield shared
    assert before <= set(shared.contents())


@pytest.fixture
def served(running: Sophia) -> Iterator[Sophia]:
    """The same; and it is the same resident process before and after the test."""
    before = running.resident()
    yield running
    assert running.resident() == before


def started(
    sophia: Sophia, *arguments: str, **settings: object
) -> tuple[subprocess.Popen[str], Callable[[], bool]]:
    """A client whose command the resident process has taken; and whether it still runs it."""
    client = sophia.start(*arguments, **settings)
    stdin, resident = Path(f"/proc/{client.pid}/fd/0").readlink(), sophia.resident()

    def runs() -> bool:
        """The resident process holds the client's standard input, a pipe or terminal of its own."""
        return stdin in _open_files(resident)

    wait_until(runs)
    return client, runs


def _open_files(pid: int) -> set[Path]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            found.add(descriptor.readlink())
    return found
