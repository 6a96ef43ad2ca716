"""A resident process that dies, freezes or is of another version, before a command or in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import sophia_cli
from tests.conftest import Sophia, wait_until
from tests.daemon.conftest import started


def waiting_command(sophia: Sophia, *options: str) -> subprocess.Popen[str]:
    """A command that the resident process runs, and that waits for its standard input."""
    client, _ = started(sophia, *options, "remember", "-")
    time.sleep(0.5)  # It is taken a moment before the client hears so.
    return client


def one_error(text: str) -> str:
    """The message of an error that is one line, and one more of what to do."""
    lines = text.strip().splitlines()
    assert lines, "no error was said"
    assert lines[0].startswith("sophia: "), text
    assert len(lines) <= 2, text
    return lines[0]


def test_killed_in_the_middle_of_a_command(running: Sophia) -> None:
    client = waiting_command(running)
    os.kill(running.resident(), signal.SIGKILL)
    out, error = client.communicate(timeout=10)
    assert client.returncode == 4
    assert out == ""
    assert "may or may not be done" in one_error(error)
    assert running("list").returncode == 0


def test_killed_in_the_middle_is_said_in_json_where_asked(running: Sophia) -> None:
    client = waiting_command(running, "--json")
    os.kill(running.resident(), signal.SIGKILL)
    out, error = client.communicate(timeout=10)
    assert client.returncode == 4
    assert error == ""
    envelope = json.loads(out)
    assert envelope["status"] == "error"
    assert envelope["command"] == "remember"
    assert envelope["error"]["code"] == "unreachable"


@pytest.fixture
def frozen(running: Sophia) -> Iterator[Sophia]:
    pid = running.resident()
    os.kill(pid, signal.SIGSTOP)
    yield running


def test_frozen_is_said_in_bounded_time_and_down_ends_it(frozen: Sophia) -> None:
    pid = int(re.findall(r'"pid": (\d+)', (frozen.home / "locks/resident.lock").read_text())[0])
    ended = frozen("list", timeout=20)
    assert ended.returncode == 4
    assert "was not carried out" in one_error(ended.stderr)
    status = frozen("status")
    assert status.returncode == 3
    assert re.search(rf"resident process +frozen +{pid}", status.stdout)
    assert frozen("down").returncode == 0
    assert frozen("list").returncode == 0
    assert frozen.resident() not in (0, pid)


def test_frozen_in_the_middle_of_a_command(running: Sophia) -> None:
    pid = running.resident()
    client = waiting_command(running)
    os.kill(pid, signal.SIGSTOP)
    assert client.wait(timeout=40) == 4
    # It has the command's streams: who reads their other end is told when it has ended.
    assert running("down").returncode == 0
    _, error = client.communicate(timeout=10)
    assert "frozen" in one_error(error)


@pytest.fixture
def old(sophia: Sophia, tmp_path: Path) -> Sophia:
    """A home whose resident process is of another version, with one memory."""
    here = Path(sophia_cli.__file__).parent
    package = tmp_path / "sophia_cli"
    shutil.copytree(here, package, ignore=shutil.ignore_patterns("__pycache__"))
    init = package / "__init__.py"
    init.write_text(re.sub(r'__version__ = ".*"', '__version__ = "0.0.9"', init.read_text()))
    sophia.variables["PYTHONPATH"] = str(tmp_path)
    assert sophia("remember", "stored by the old one").returncode == 0
    assert "version 0.0.9" in sophia("status").stdout
    return sophia


def test_another_version_is_replaced_by_the_next_command(old: Sophia) -> None:
    before = old.resident()
    del old.variables["PYTHONPATH"]
    status = old("status")
    assert "the next command replaces it" in status.stdout
    assert old.contents() == ["stored by the old one"]
    assert old.resident() not in (0, before)
    assert f"version {sophia_cli.__version__}," in old("status").stdout


def test_commands_of_the_old_version_finish(old: Sophia) -> None:
    waiting = waiting_command(old)
    del old.variables["PYTHONPATH"]
    next_one = old.start("remember", "stored by the new one")
    wait_until(lambda: "not ready" in old("status").stdout)
    out, error = waiting.communicate("finished in the old one", timeout=30)
    assert waiting.returncode == 0, out + error
    out, error = next_one.communicate(timeout=60)
    assert next_one.returncode == 0, out + error
    assert set(old.contents()) == {
        "stored by the old one",
        "finished in the old one",
        "stored by the new one",
    }


def test_up_and_the_foreground_replace_another_version_too(old: Sophia) -> None:
    del old.variables["PYTHONPATH"]
    ended = old("--no-daemon", "list")
    assert (ended.returncode, "degraded" in ended.stderr) == (0, False)
    assert old.resident() == 0
    assert old("up").returncode == 0
    assert sophia_cli.__version__ in old("status").stdout
