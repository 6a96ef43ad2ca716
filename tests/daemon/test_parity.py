"""A command gives the same output and exit code in the resident process and in the foreground.

One script of command lines is run three ways, each in a home of its own: by the resident process,
in the foreground beside one (whose vectors are borrowed), and in the foreground alone. What differs
by nature is levelled before they are compared: ids by the order in which they appear, times,
durations and the path of the home.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.daemon.presence import running
from sophia_cli.engines.users import EngineUse
from sophia_cli.home import Home
from tests.conftest import Sophia, temporary_home
from tests.daemon.conftest import MEMORIES

Ran = tuple[str, int, Any, str]

AT = ["--at", "2026-03-01T10:00:00Z"]
# With a star: it uses the vectors, which beside a resident process are borrowed.
SCRIPT: list[tuple[str, list[str]]] = [
    ("*", ["remember", MEMORIES[0][0], "--explain", *AT]),
    ("*", ["--json", "remember", MEMORIES[2][0], "--session", "sales", "--tag", "customer=acme"]),
    ("", ["remember", "x", "--at", "whenever"]),
    ("", ["--json", "remember", "-"]),
    ("*", ["--json", "ingest", "notes.md"]),
    ("", ["ingest", "missing.md"]),
    ("*", ["recall", "who is our champion?", "-v", "--kind", "business"]),
    ("*", ["--json", "recall", "which vector database?", "--explain"]),
    ("", ["recall", "x", "--no-such-option"]),
    ("", ["--json", "recall", "x", "--kind", "poetry"]),
    ("*", ["similar", "fast filtering", "-n", "2"]),
    ("*", ["--json", "ask", "What did we decide about the vector database?"]),
    ("", ["list"]),
    ("", ["--json", "list", "--kind", "business"]),
    ("*", ["update", "ID", "--tag", "team=platform"]),
    ("", ["--json", "history", "ID"]),
    ("", ["link", "ID", "relates", "ID"]),
    ("", ["feedback", "ID", "--query", "who is our champion?"]),
    ("", ["--json", "feedback", "ID", "--query", "who is our champion?", "--wrong"]),
    ("*", ["stats", "--json"]),
    ("*", ["reindex", "--json"]),
    ("", ["export"]),
    ("", ["import", "export.jsonl", "--json"]),
    ("*", ["forget", "ID"]),
    ("", ["show", "ID"]),
    ("", ["no-such-command"]),
]


@pytest.fixture(scope="module")
def by_the_resident_process(tmp_path_factory: pytest.TempPathFactory) -> list[Ran]:
    with temporary_home() as home:
        return levelled(Sophia(home), "", tmp_path_factory.mktemp("daemon"))


def test_beside_the_resident_process(
    by_the_resident_process: list[Ran], sophia: Sophia, tmp_path: Path
) -> None:
    assert sophia("up").returncode == 0
    compare(by_the_resident_process, levelled(sophia, "borrowing", tmp_path))


@pytest.mark.timeout(300)  # some fifty processes, one after the other
def test_in_the_foreground_alone(
    by_the_resident_process: list[Ran], sophia: Sophia, tmp_path: Path
) -> None:
    # The engines are kept running only to save their starts.
    home = Home(sophia.home)
    with EngineUse(home):
        compare(by_the_resident_process, levelled(sophia, "alone", tmp_path))
    assert running(home) is None


def compare(expected: list[Ran], ran: list[Ran]) -> None:
    for one, other in zip(expected, ran, strict=True):
        assert one == other


def levelled(sophia: Sophia, way: str, directory: Path) -> list[Ran]:
    """The script's exit codes and outputs, with what differs by nature taken out.

    Args:
        way: which commands run in the foreground: none, those `borrowing` vectors, or all.
    """
    (directory / "notes.md").write_text("# Retries\n\nThe client retries three times.\n")
    level = leveller(sophia.home, directory)
    first = ""
    ran: list[Ran] = []
    for vectors, line in SCRIPT:
        foreground = way == "alone" or (way == "borrowing" and vectors)
        words = [first if word == "ID" else word for word in line]
        ended = sophia(*(["--no-daemon"] if foreground else []), *words, cwd=directory)
        if line == ["export"]:
            (directory / "export.jsonl").write_text(ended.stdout)
        if not first:
            first = re.findall(_ID, ended.stdout)[0]
        out: Any = level(ended.stdout)
        if "--json" in line:
            out = without_durations(json.loads(out))
        ran.append((" ".join(line), ended.returncode, out, level(ended.stderr)))
    return ran


_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d|Z)?"
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def leveller(home: Path, directory: Path) -> Callable[[str], str]:
    names: dict[str, str] = {}

    def level(text: str) -> str:
        text = re.sub(_ID, lambda found: names.setdefault(found[0], f"id-{len(names)}"), text)
        text = re.sub(
            r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d|Z)?", "TIME", text
        )
        text = re.sub(r"in \d+\.\d ms \(.*\)", "in TIME", text)
        return text.replace(str(home), "HOME").replace(str(directory), "CWD")

    return level


def without_durations(envelope: dict[str, Any]) -> dict[str, Any]:
    del envelope["duration_ms"], envelope["trace"]["request"]
    envelope["trace"] = {
        name: sorted(value) if isinstance(value, dict) else value
        for name, value in envelope["trace"].items()
    }
    if envelope["command"] == "stats":
        # What a process has measured is its own; its shape is not.
        envelope["data"] = [sorted(row) for row in envelope["data"]]
        del envelope["trace"]
    return envelope
