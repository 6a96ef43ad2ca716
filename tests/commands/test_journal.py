"""`sophia journal`: shown for people, told to programs, and written to a file."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home
from sophia_cli.invocation import Invocation
from sophia_cli.ops.inventory.model import Cluster
from sophia_cli.ops.journal import Journal
from sophia_cli.ops.journal_event import Event, What
from sophia_cli.ops.kept import Kept
from tests.commands.bare import bare_console
from tests.commands.console import Console

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def console(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    cluster = Cluster(name="east")
    read = SimpleNamespace(inventory=SimpleNamespace(cluster=cluster))
    monkeypatch.setattr(Invocation, "inventory", property(lambda _: read), raising=False)
    console = bare_console(home, tmp_path)
    console.now = lambda: NOON + timedelta(minutes=10)
    return console


@pytest.fixture
def filled(console: Console) -> Console:
    kept = Kept.of(Home(console.home.root), Cluster(name="east")).prepare()
    journal = Journal(kept.journal, str)

    def note(minute: int, what: What, run: str = "20260102-120000-aaaaaa", **more: object) -> None:
        at = NOON + timedelta(minutes=minute)
        who = {"user": "ana@laptop", "version": "1.2.3", **more}
        journal.append(Event(at=at, what=what, run=run, **who))  # type: ignore[arg-type]

    note(0, What.RUN_STARTED, summary="deploy memory")
    redis = {"host": "one", "phase": "memory", "step": "Redis"}
    note(1, What.STEP_CHANGED, summary="create it", commands=("docker run x",), **redis)
    note(2, What.STEP_FAILED, exit_status=3, output=("no\x1b[2J room",), seconds=1.25, **redis)
    note(8, What.RUN_STARTED, "20260102-120800-bbbbbb", summary="deploy")
    return console


def test_people_see_a_line_an_event_and_what_a_failure_said(filled: Console) -> None:
    assert filled.ok("journal").out.splitlines() == [
        "20260102-120000-aaaaaa  ana@laptop  sophia 1.2.3",
        "  2026-01-02 12:00:00  run started  deploy memory",
        "  2026-01-02 12:01:00  one  step changed  Redis: create it",
        "  2026-01-02 12:02:00  one  step failed  Redis  status 3  (1.2 s)",
        "      no\\x1b[2J room",
        "20260102-120800-bbbbbb  ana@laptop  sophia 1.2.3",
        "  2026-01-02 12:08:00  run started  deploy",
    ]
    assert "      $ docker run x" in filled.ok("journal", "--verbose").out


@pytest.mark.parametrize(
    ("options", "minutes"),
    [
        ((), [0, 1, 2, 8]),
        (("--run", "20260102-1208"), [8]),
        (("--host", "one"), [1, 2]),
        (("--phase", "memory", "-n", "1"), [2]),
        (("--since", "8m"), [2, 8]),
        (("--since", "2026-01-02T12:01:30Z"), [2, 8]),
    ],
)
def test_what_is_asked_for_is_told(
    filled: Console, options: tuple[str, ...], minutes: list[int]
) -> None:
    found = filled.data("journal", *options)
    assert [datetime.fromisoformat(each["at"]).minute for each in found] == minutes


def test_all_that_matches_is_written_to_a_file(filled: Console) -> None:
    told = filled.data("journal", "--host", "one", "--export", "out.jsonl")
    path = filled.cwd / "out.jsonl"
    assert told == [{"events": 2, "file": str(path)}]
    assert [json.loads(line)["host"] for line in path.read_text().splitlines()] == ["one", "one"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert filled.ok("journal", "--export", "out.jsonl").out == f"4 events in {path}\n"


def test_torn_lines_are_said(filled: Console) -> None:
    with Kept.of(filled.home, Cluster(name="east")).journal.open("a") as file:
        file.write('{"at"')
    assert "1 lines cannot be read" in filled.ok("journal").err


def test_before_the_first_run_there_is_nothing_and_nothing_is_made(console: Console) -> None:
    ended = console.ok("journal")
    assert ended.out == "" and ended.err == "nothing was found\n"
    assert not console.home.root.exists()


@pytest.mark.parametrize("options", [("-n", "0"), ("--since", "soon"), ("--export", "")])
def test_what_cannot_be_asked_for(filled: Console, options: tuple[str, ...]) -> None:
    assert filled("journal", *options).status is ExitStatus.USAGE
