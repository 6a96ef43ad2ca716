"""The user stops a command, or reads no further: the command ends, the resident process stays."""

from __future__ import annotations

import array
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import IO

import pytest

from tests.conftest import Sophia, wait_until
from tests.daemon.conftest import started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_waits_for_stdin_ends_with_its_client(
    served: Sophia, number: signal.Signals
) -> None:
    client, runs = started(served, "remember", "-")
    client.send_signal(number)
    assert client.wait(10) == (130 if number is signal.SIGINT else -number)
    wait_until(lambda: not runs())
    if number is signal.SIGINT:
        assert client.stderr.read().startswith("sophia: interrupted")
    client.communicate()


def test_an_interrupt_as_the_command_begins_is_said_once(served: Sophia) -> None:
    # As if it came between the last byte that hands the command over and the wait for its end.
    client = (
        "import os, signal, sys; from sophia_cli import __main__ as client; wait = client._wait;"
        "client._wait = lambda it: (os.kill(os.getpid(), signal.SIGINT), wait(it))[1];"
        "sys.argv[1:] = ['remember', '-']; sys.exit(client.main())"
    )
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", client],
        env=served.environment({}),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )
    assert process.wait(20) == 130
    _, error = process.communicate()
    assert error.count("sophia: ") == 1, error


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_command_in_the_foreground_says_that_it_was_interrupted(
    sophia: Sophia, options: tuple[str, ...]
) -> None:
    client = sophia.start(*options, "--no-daemon", "remember", "-")
    client.stdin.write("it waits for more\n")
    client.stdin.flush()
    wait_until(lambda: not _unread(client.stdin))
    client.send_signal(signal.SIGINT)
    out, error = client.communicate(timeout=20)
    assert client.returncode == 130
    if options:
        assert json.loads(out)["error"]["code"] == "interrupted" and not error
    else:
        assert error.splitlines()[0] == "sophia: interrupted"


_INTERRUPTED_AT_IMPORT = """
import sys
from sophia_cli import command_tree
from sophia_cli.app import run
from sophia_cli.environment import Environment

def interrupted(name):
    raise KeyboardInterrupt

command_tree.import_module = interrupted
sys.exit(run(sys.argv[1:], Environment.of_this_process()))
"""


def test_an_interrupt_while_the_commands_are_loaded_is_said() -> None:
    program = [sys.executable, "-c", _INTERRUPTED_AT_IMPORT]
    for options in (["--help"], ["recall", "--help"]):
        ended = subprocess.run([*program, *options], capture_output=True, text=True, timeout=60)
        assert (ended.returncode, ended.stdout) == (130, "")
        assert ended.stderr == "sophia: interrupted\n"


def _unread(pipe: IO[str]) -> int:
    """Bytes in a pipe that nobody has read yet."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def test_a_terminal_is_not_read_for_a_client_that_is_gone(served: Sophia) -> None:
    ours, theirs = pty.openpty()
    client, runs = started(served, "remember", "-", stdin=theirs)
    client.kill()
    client.communicate(timeout=10)
    wait_until(lambda: not runs())
    os.write(ours, b"for the shell\n")
    assert os.read(theirs, 100) == b"for the shell\n"
    os.close(ours)
    os.close(theirs)


def test_a_command_that_nobody_reads_ends_with_its_client(served: Sophia, tmp_path: Path) -> None:
    remember_many(served, tmp_path, 300)
    client, runs = started(served, "export")  # far more than a pipe holds
    time.sleep(0.3)
    client.kill()
    client.wait(10)
    wait_until(lambda: not runs())
    client.communicate()


def test_an_interrupted_ingest_keeps_what_it_said(sophia: Sophia, tmp_path: Path) -> None:
    assert sophia("up").returncode == 0
    path = tmp_path / "many.jsonl"
    path.write_text("\n".join(json.dumps({"content": text}) for text in texts(6000)))
    pid = sophia.resident()
    client, _ = started(sophia, "ingest", str(path))
    wait_until(lambda: live_of(sophia) > 256, 60)
    client.send_signal(signal.SIGINT)
    _, error = client.communicate(timeout=30)
    assert client.returncode == 130
    assert "Traceback" not in error
    said = int(error.split("interrupted after ")[1].split()[0].replace(",", ""))
    assert live_of(sophia) == said < 6000
    assert sophia.resident() == pid


def live_of(sophia: Sophia) -> int:
    return sum(kind["live"] for kind in sophia.data("stats")[0]["memories"].values())


def test_a_second_interrupt_leaves_at_once(served: Sophia) -> None:
    pid = served.resident()
    client, runs = started(served, "remember", "-")
    os.kill(pid, signal.SIGSTOP)  # so that the first one cannot be heard
    client.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert client.poll() is None
    client.send_signal(signal.SIGINT)
    assert client.wait(5) == 130
    os.kill(pid, signal.SIGCONT)
    client.communicate()
    wait_until(lambda: not runs())


@pytest.mark.parametrize("command", [["list", "-n", "1000"], ["export"], ["--json", "list"]])
def test_a_pipe_that_is_closed_early_is_no_fault(
    served: Sophia, tmp_path: Path, command: list[str]
) -> None:
    remember_many(served, tmp_path, 300)
    for way in ([], ["--no-daemon"])[: 2 if "export" in command else 1]:
        client = served.start(*way, *command)
        head = subprocess.run(
            ["head", "-c", "20"], stdin=client.stdout, capture_output=True, timeout=30
        )
        client.stdout.close()
        assert len(head.stdout) == 20
        assert client.stderr.read() == ""
        assert client.wait(30) == 0
        client.stderr.close()
        client.stdin.close()


def test_a_stopped_client_holds_up_nobody(served: Sophia) -> None:
    client, _ = started(served, "remember", "-")
    client.send_signal(signal.SIGSTOP)
    assert served("list", timeout=10).returncode == 0
    client.send_signal(signal.SIGCONT)
    out, error = client.communicate("written after a pause", timeout=10)
    assert (client.returncode, error) == (0, ""), out


def texts(count: int) -> list[str]:
    return [
        f"note {number} of the operations diary, nothing special in it" for number in range(count)
    ]


def remember_many(sophia: Sophia, directory: Path, count: int) -> None:
    path = directory / "notes.jsonl"
    path.write_text("\n".join(json.dumps({"content": text}) for text in texts(count)))
    assert sophia("ingest", str(path)).returncode == 0
