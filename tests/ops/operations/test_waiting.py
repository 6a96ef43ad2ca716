"""The scripts that wait and repeat, really run against programs that answer as they are told."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.ops.connection.protocol import Command, Finished
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.operations import docker_run, packages, systemd_unit
from sophia_cli.ops.operations.operation import Change, Run
from sophia_cli.ops.operations.registry import build
from tests.ops.local import LocalConnection
from tests.ops.programs import Answer, program, seen


def run(programs: Path, command: Command) -> Finished:
    return LocalConnection(programs).run(command)


def state(text: str, times: int = 0) -> Answer:
    return Answer("inspect --type container *", prints=f"{text}\n", times=times)


LOGS = Answer("logs --tail 30 redis", prints="Can't open the log file\n", complains="bad config\n")
PROBE = docker_run.probe_inside("redis", "redis-cli ping")
CHECK = "exec redis sh -c redis-cli ping"


def test_a_container_that_becomes_well_is_waited_for(tmp_path: Path) -> None:
    answers = [
        state("created 0 0", times=1),
        state("running 0 0"),
        Answer(CHECK, complains="Connection refused", status=1, times=1),
        Answer(CHECK, prints="PONG"),
    ]
    program(tmp_path, "docker", answers)
    ended = run(tmp_path, docker_run.wait("redis", PROBE, seconds=30, restarts=0))
    assert (ended.exit_status, ended.stderr) == (0, "")
    assert seen(tmp_path, "docker").count(CHECK) == 2


def test_a_container_that_dies_at_start_shows_its_last_words_at_once(tmp_path: Path) -> None:
    answers = [state("running 0 0", times=1), state("exited 0 101"), Answer(CHECK, status=1), LOGS]
    program(tmp_path, "docker", answers)
    ended = run(tmp_path, docker_run.wait("redis", PROBE, seconds=3000, restarts=0))
    assert ended.exit_status == 1
    assert "container redis is not well after" in ended.stderr
    assert "exited, exit code 101, started anew 0 times" in ended.stderr
    assert "Can't open the log file\nbad config" in ended.stderr
    seen(tmp_path, "docker")


@pytest.mark.parametrize(("allowed", "status"), [(0, 1), (1, 0)])
def test_a_container_may_be_started_anew_as_often_as_is_said(
    allowed: int, status: int, tmp_path: Path
) -> None:
    answers = [
        state("restarting 1 101", times=1),
        state("running 1 0"),
        Answer(CHECK, prints="PONG"),
        LOGS,
    ]
    program(tmp_path, "docker", answers)
    ended = run(tmp_path, docker_run.wait("redis", PROBE, seconds=30, restarts=allowed))
    assert ended.exit_status == status
    assert ("started anew 1 times" in ended.stderr) == (status == 1)
    seen(tmp_path, "docker")


def test_a_container_that_is_never_well_says_what_its_check_says(tmp_path: Path) -> None:
    answers = [state("running 0 0"), Answer(CHECK, complains="LOADING the data", status=1), LOGS]
    program(tmp_path, "docker", answers)
    ended = run(tmp_path, docker_run.wait("redis", PROBE, seconds=1, restarts=0))
    assert ended.exit_status == 1
    assert "its check says: LOADING the data" in ended.stderr


def test_a_container_without_a_check_must_stay_up_all_the_time(tmp_path: Path) -> None:
    answers = [state("running 0 0", times=2), state("exited 0 1"), LOGS]
    program(tmp_path, "docker", answers)
    ended = run(tmp_path, docker_run.wait("redis", "", seconds=30, turns=3, restarts=0))
    assert ended.exit_status == 1
    assert "exit code 1" in ended.stderr


def test_a_container_that_was_removed_meanwhile_is_not_well(tmp_path: Path) -> None:
    gone = Answer("inspect --type container *", complains="No such container", status=1)
    program(tmp_path, "docker", [gone, LOGS])
    ended = run(tmp_path, docker_run.wait("redis", PROBE, seconds=30, restarts=0))
    assert ended.exit_status == 1
    assert ": gone" in ended.stderr


def test_one_that_ran_for_long_may_have_been_started_anew_before(tmp_path: Path) -> None:
    program(tmp_path, "docker", [state("running 7 0"), Answer(CHECK, prints="PONG")])
    ended = run(tmp_path, docker_run.wait("redis", PROBE, seconds=30))
    assert (ended.exit_status, ended.stderr) == (0, "")


def test_a_port_that_takes_connections_is_enough(tmp_path: Path) -> None:
    program(tmp_path, "docker", [state("running 0 0"), LOGS])
    with socket.create_server(("127.0.0.2", 0)) as server:
        number = server.getsockname()[1]
        probe = docker_run.probe_port("127.0.0.2", number)
        ended = run(tmp_path, docker_run.wait("redis", probe, seconds=30, restarts=0))
        assert (ended.exit_status, ended.stderr) == (0, "")
    ended = run(tmp_path, docker_run.wait("redis", probe, seconds=1, restarts=0))
    assert ended.exit_status == 1
    assert "refused" in ended.stderr


UNIT = {"name": "sophia.service", "content": "[Service]\nExecStart=/x\n", "stable_for": "2s"}
SHOW = "show -p ActiveState -p MainPID -p NRestarts -- sophia.service"


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "units"
    directory.mkdir()
    monkeypatch.setattr(systemd_unit, "UNIT_DIRECTORY", str(directory))
    return directory


def new_unit(**arguments: Any) -> Change:
    """What is to be done for a unit that is not there."""
    operation = build("systemd_unit", {**UNIT, **arguments})
    change = operation.compare(Known({each: _absent(each) for each in operation.needs()}))
    assert isinstance(change, Change)
    return change


def _absent(fact: Fact[Any]) -> Any:
    return fact.parse("-" if type(fact).__name__ == "FileText" else "", 0)


def active(pid: int, restarts: int = 0, times: int = 0) -> Answer:
    said = f"ActiveState=active\nMainPID={pid}\nNRestarts={restarts}\n"
    return Answer(SHOW, prints=said, times=times)


STARTED = [
    Answer("daemon-reload"),
    Answer("-q enable sophia.service"),
    Answer("reset-failed sophia.service", complains="not loaded", status=1),
]
STATUS = Answer("--no-pager -l -n 0 status sophia.service", prints="Active: failed\n", status=3)


def test_a_unit_is_put_in_place_enabled_started_and_watched(tmp_path: Path, units: Path) -> None:
    program(tmp_path, "systemctl", [*STARTED, Answer("restart sophia.service"), active(7)])
    LocalConnection(tmp_path).apply(new_unit())
    path = units / "sophia.service"
    assert [each.name for each in units.iterdir()] == ["sophia.service"]
    assert (path.read_text(), path.stat().st_mode & 0o777) == (UNIT["content"], 0o644)
    said = seen(tmp_path, "systemctl")
    assert said[:4] == [
        "daemon-reload",
        "-q enable sophia.service",
        "reset-failed sophia.service",
        "restart sophia.service",
    ]
    assert said[4:] == [SHOW] * 3


def test_a_unit_that_is_started_anew_again_and_again_is_not_stable(
    tmp_path: Path, units: Path
) -> None:
    answers = [active(7, 0, times=2), active(8, 1, times=2), active(9, 2)]
    program(tmp_path, "systemctl", answers)
    watching = new_unit().actions[1]
    assert isinstance(watching, Run)
    assert run(tmp_path, watching.command).exit_status == 0
    assert len(seen(tmp_path, "systemctl")) == 2 + 2 + 3


@pytest.mark.parametrize("said", ["ActiveState=failed\nMainPID=0\nNRestarts=5\n", "activating"])
def test_a_unit_that_fails_shows_its_journal(said: str, tmp_path: Path, units: Path) -> None:
    program(tmp_path, "systemctl", [Answer(SHOW, prints=said), STATUS])
    program(
        tmp_path,
        "journalctl",
        [Answer("--no-pager -q -o cat -n 20 -u sophia.service", prints="no such table\n")],
    )
    watching = new_unit(start_timeout="1s", stable_for="1s").actions[1]
    assert isinstance(watching, Run)
    ended = run(tmp_path, watching.command)
    assert ended.exit_status == 1
    assert "unit sophia.service does not stay active" in ended.stderr
    assert "Active: failed" in ended.stderr
    assert "no such table" in ended.stderr
    seen(tmp_path, "systemctl")


def test_a_unit_that_does_not_even_start_shows_its_journal(tmp_path: Path, units: Path) -> None:
    refused = Answer("restart sophia.service", complains="Job failed.", status=1)
    program(tmp_path, "systemctl", [*STARTED, refused, STATUS])
    program(tmp_path, "journalctl", [Answer("*", prints="no such file\n")])
    starting = new_unit().actions[0]
    assert isinstance(starting, Run)
    ended = run(tmp_path, starting.command)
    assert ended.exit_status == 1
    assert "Job failed." in ended.stderr
    assert "no such file" in ended.stderr


def test_a_unit_file_that_was_cut_on_its_way_changes_nothing(tmp_path: Path, units: Path) -> None:
    program(tmp_path, "systemctl", [])
    starting = new_unit().actions[0]
    assert isinstance(starting, Run)
    cut = Command(starting.command.text, starting.command.stdin[:5], timeout=20)
    ended = run(tmp_path, cut)
    assert ended.exit_status == 1
    assert "the file of unit sophia.service did not come whole" in ended.stderr
    assert not (units / "sophia.service").exists()
    assert seen(tmp_path, "systemctl") == []


@pytest.fixture
def lists(tmp_path: Path) -> tuple[Command, Path]:
    """What fetches apt's lists, with a stamp and a `sleep` of the test's own."""
    stamp = tmp_path / "periodic" / "stamp"
    text = packages._UPDATE.replace(packages.STAMP, str(stamp))
    text = text.replace(packages.STAMP.rpartition("/")[0], str(stamp.parent))
    program(tmp_path, "sleep", [Answer("5")])
    return Command(text, timeout=30), stamp


BUSY = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 9 (apt-get)"


def test_a_host_busy_with_its_own_updates_is_waited_for(
    tmp_path: Path, lists: tuple[Command, Path]
) -> None:
    command, stamp = lists
    answers = [Answer("*update", complains=BUSY, status=100, times=3), Answer("*update")]
    program(tmp_path, "apt-get", answers)
    assert run(tmp_path, command).exit_status == 0
    assert seen(tmp_path, "sleep") == ["5"] * 3
    assert stamp.exists()


@pytest.mark.parametrize(("message", "times"), [("Temporary failure resolving", 0), (BUSY, 60)])
def test_lists_that_cannot_be_fetched_are_an_error(
    message: str, times: int, tmp_path: Path, lists: tuple[Command, Path]
) -> None:
    command, stamp = lists
    program(tmp_path, "apt-get", [Answer("*update", complains=message, status=100)])
    ended = run(tmp_path, command)
    assert (ended.exit_status, ended.stderr.strip()) == (1, message)
    assert len(seen(tmp_path, "sleep")) == times
    assert not stamp.exists()
