"""The journal: whole lines whatever ends the writer, no secrets, and what was asked for found."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.errors import Refused
from sophia_cli.ops.errors import CommandFailed
from sophia_cli.ops.journal import HostJournal, Journal, Wanted, read
from sophia_cli.ops.journal_event import Event, What, event_of, new_run
from tests.ops.keeping_local import LocalHost

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOST_PATH = "var/log/sophia-deploy/journal.jsonl"
HIDDEN = "pa'ss\nword-é"

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from tests.ops.test_journal import event
from sophia_cli.ops.journal import Journal
journal = Journal(Path(sys.argv[1]), str)
while True:
    journal.append(event(summary="x" * 5000))
    print("written", flush=True)
"""


def event(**more: Any) -> Event:
    given = {"at": NOON, "what": What.STEP_CHANGED, "run": "20260102-120000-aaaaaa", **more}
    return Event(**{"user": "ana@laptop", "version": "1.2.3", **given})


def redact(text: str) -> str:
    return text.replace(HIDDEN, "***")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl", redact)


@pytest.fixture
def host(tmp_path: Path) -> LocalHost:
    return LocalHost("one", tmp_path / "one")


def test_what_was_written_is_read_back(journal: Journal) -> None:
    full = event(
        host="one",
        phase="memory",
        step="Redis",
        summary="recreate",
        commands=("docker rm -f x", "docker run x"),
        output=("one", "two"),
        outcome="failed",
        exit_status=0,
        seconds=0.0,
    )
    journal.append(event(what=What.RUN_STARTED))
    journal.append(full, event(what=What.RUN_ENDED, outcome="ok"))
    found = read(journal.path)
    assert found.unreadable == 0
    assert found.events == [
        event(what=What.RUN_STARTED),
        full,
        event(what=What.RUN_ENDED, outcome="ok"),
    ]
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_no_secret_is_written_wherever_it_stands(journal: Journal, host: LocalHost) -> None:
    everywhere = event(
        summary=f"say {HIDDEN}",
        commands=(f"echo {HIDDEN}",),
        output=("before", *HIDDEN.split("\n"), "after"),
        step=HIDDEN,
        outcome=HIDDEN,
    )
    journal.append(everywhere)
    HostJournal(redact, HOST_PATH).append(host, [everywhere])
    for path in (journal.path, host.root / HOST_PATH):
        text = path.read_text()
        assert "***" in text and "word-" not in text and "pa'ss" not in text
        assert read(journal.path).events[0].output == ("before", "***", "after")


def test_a_secret_at_the_cut_is_not_written_in_half(journal: Journal) -> None:
    journal.append(event(output=("x" * 495 + "pa'ss", "word-é")))
    assert "pa'" not in journal.path.read_text()


def test_the_end_of_a_long_output_is_kept(journal: Journal) -> None:
    journal.append(event(output=(*map(str, range(100)), "y" * 1000)))
    kept = read(journal.path).events[0].output
    assert kept[0] == "81" and len(kept) == 20 and kept[-1] == "y" * 500 + "…"


@pytest.mark.parametrize("torn", [b'{"at": "2026', b"\x00\x00", b"\xff", b"[]", b"{}", b"null"])
def test_a_torn_line_is_passed_over_and_swallows_nothing(journal: Journal, torn: bytes) -> None:
    journal.append(event(step="first"))
    with journal.path.open("ab") as file:
        file.write(torn)
    assert [each.step for each in read(journal.path).events] == ["first"]
    journal.append(event(step="second"))
    found = read(journal.path)
    assert [each.step for each in found.events] == ["first", "second"] and found.unreadable == 1


def test_events_of_a_later_version_are_counted_and_later_fields_ignored(journal: Journal) -> None:
    known = {**event().as_json(), "colour": "green"}
    later = {**known, "what": "step undone"}
    journal.path.write_text(f"{json.dumps(known)}\n{json.dumps(later)}\n")
    journal.path.chmod(0o600)
    assert read(journal.path).events == [event()] and read(journal.path).unreadable == 1


def test_a_killed_writer_leaves_what_it_was_told_was_written(journal: Journal) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, journal.path],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None
    for _ in range(20):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    told = 20 + len(writer.communicate()[0].splitlines())
    found = read(journal.path)
    assert len(found.events) in (told, told + 1) and found.unreadable <= 1
    journal.append(event(step="after"))
    assert read(journal.path).events[-1].step == "after"


def test_writers_at_once_do_not_mix(journal: Journal) -> None:
    def write(number: int) -> None:
        Journal(journal.path, redact).append(event(step=str(number), summary="z" * 10_000))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(64)))
    found = read(journal.path)
    assert found.unreadable == 0
    assert sorted(int(each.step) for each in found.events) == list(range(64))


def test_what_is_asked_for_is_found(journal: Journal) -> None:
    for minute, (run, host, phase) in enumerate(
        [("r1", "one", "qdrant"), ("r1", "two", "qdrant"), ("r2", "one", "memory"), ("x", "", "")]
    ):
        journal.append(
            event(at=NOON + timedelta(minutes=minute), run=run, host=host, phase=phase, step=run)
        )

    def minutes(**wanted: Any) -> list[int]:
        return [each.at.minute for each in read(journal.path, Wanted(**wanted)).events]

    assert minutes() == [0, 1, 2, 3]
    assert minutes(run="r1") == [0, 1] and minutes(run="r") == [0, 1, 2]
    assert minutes(host="one") == [0, 2] and minutes(phase="memory") == [2]
    assert minutes(since=NOON + timedelta(minutes=2)) == [2, 3]
    assert minutes(limit=2) == [2, 3] and minutes(host="one", limit=1) == [2]
    assert minutes(host="none") == []


def test_there_is_nothing_where_there_is_no_journal(tmp_path: Path) -> None:
    assert read(tmp_path / "none").events == []


def test_a_journal_that_others_may_open_or_that_is_a_link_is_refused(journal: Journal) -> None:
    journal.append(event())
    journal.path.chmod(0o644)
    with pytest.raises(Refused, match="others may open it"):
        journal.append(event())
    journal.path.chmod(0o600)
    linked = Journal(journal.path.with_name("link"), redact)
    linked.path.symlink_to(journal.path)
    with pytest.raises(Refused, match="is a link"):
        linked.append(event())
    linked.path.unlink()
    linked.path.symlink_to(journal.path.with_name("nowhere"))
    with pytest.raises(OSError, match="symbolic links"):
        linked.append(event())


def test_a_hosts_journal_grows_by_whole_lines(host: LocalHost) -> None:
    path, journal = host.root / HOST_PATH, HostJournal(redact, HOST_PATH)
    journal.append(host, [event(step="it's", summary="100 % \\n $HOME `id`"), event(step="2")])
    journal.append(host, [])
    assert len(host.commands) == 1
    with path.open("ab") as file:
        file.write(b'{"torn')
    journal.append(host, [event(step="3")])
    lines = path.read_bytes().splitlines()
    found = [each for line in lines if (each := event_of(line))]
    assert [each.step for each in found] == ["it's", "2", "3"] and len(lines) == 4
    assert found[0].summary == "100 % \\n $HOME `id`"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
    assert "it's" not in host.commands[0].text


def test_a_hosts_journal_that_cannot_be_written_is_said(host: LocalHost) -> None:
    path = host.root / HOST_PATH
    path.mkdir(parents=True)
    with pytest.raises(CommandFailed, match=f"one: journal {HOST_PATH}: "):
        HostJournal(redact, HOST_PATH).append(host, [event()])


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="there is no /dev/full")
def test_a_hosts_full_disk_is_said(host: LocalHost) -> None:
    path = host.root / HOST_PATH
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")
    with pytest.raises(CommandFailed, match="No space left on device"):
        HostJournal(redact, HOST_PATH).append(host, [event()])


def test_runs_are_in_the_order_of_their_times() -> None:
    first, second = new_run(NOON), new_run(NOON + timedelta(seconds=1))
    assert first.startswith("20260102-120000-") and first < second
    assert new_run(NOON) != new_run(NOON)
