"""The resident process is started by the first command that needs it, once, however many ask."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from sophia_cli.locations import resident_socket
from tests.conftest import Sophia, processes_of, wait_until
from tests.daemon.conftest import MEMORIES


def residents_of(home: Path) -> list[int]:
    return [
        pid
        for pid in processes_of(home)
        if b"daemon.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


@pytest.mark.parametrize("count", [2, 8])
def test_clients_that_start_at_once_share_one_resident_process(sophia: Sophia, count: int) -> None:
    clients = [sophia.start("remember", f"memory number {each}") for each in range(count)]
    for client in clients:
        out, error = client.communicate(timeout=90)
        assert client.returncode == 0, out + error
    assert sorted(sophia.contents()) == sorted(f"memory number {each}" for each in range(count))
    wait_until(lambda: residents_of(sophia.home) == [sophia.resident()])


def test_a_killed_process_and_its_stale_socket_are_replaced(running: Sophia) -> None:
    dead = running.resident()
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: running.resident() == 0)
    assert Path(resident_socket(str(running.home))).is_socket()
    assert MEMORIES[0][0] in running.contents()
    assert running.resident() not in (0, dead)


def test_a_socket_that_somebody_removed_comes_back(running: Sophia) -> None:
    before = running.resident()
    Path(resident_socket(str(running.home))).unlink()
    assert MEMORIES[0][0] in running.contents()
    assert running.resident() not in (0, before)


def test_what_the_shell_left_open_does_not_live_on_in_the_resident_process(sophia: Sophia) -> None:
    end, given = os.pipe()
    assert sophia("remember", "x", pass_fds=(given,)).returncode == 0
    os.close(given)
    assert os.read(end, 1) == b""  # the end: nobody holds the other side
    os.close(end)


def test_modules_in_the_working_directory_are_not_imported(sophia: Sophia, tmp_path: Path) -> None:
    for name in ("json", "socket", "numpy", "structlog"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from here')\n")
    assert sophia("remember", "x", cwd=tmp_path).returncode == 0
    assert Path(f"/proc/{sophia.resident()}/cwd").readlink() == Path("/")  # nor is it kept busy


def test_a_foreground_command_starts_none(sophia: Sophia) -> None:
    assert sophia("--no-daemon", "remember", "x").returncode == 0
    assert sophia.resident() == 0
    assert processes_of(sophia.home) == []
