"""Views that have no end of their own: they end with their user, or with the process."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios

import pytest

from tests.conftest import Sophia, wait_until
from tests.daemon.conftest import started

WATCH = ("stats", "--watch", "--interval", "100ms")

MONITOR = ("monitor", "watch", "--interval", "100ms")


def read_blocks(client: subprocess.Popen[str], count: int) -> None:
    """Reads until so many blocks have come; pytest ends a test in which they do not."""
    while count:
        count -= client.stdout.readline().startswith("process: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_watch_ends_with_its_client(served: Sophia, number: signal.Signals) -> None:
    client, runs = started(served, *WATCH)
    read_blocks(client, 2)
    client.send_signal(number)
    _, error = client.communicate(timeout=10)
    assert client.returncode == (130 if number is signal.SIGINT else -number)
    assert error.splitlines()[:1] in ([], ["sophia: interrupted"])
    wait_until(lambda: not runs())


def test_a_long_pause_is_no_reason_to_stay(served: Sophia) -> None:
    client, runs = started(served, "stats", "--watch", "--interval", "1h")
    read_blocks(client, 1)
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=10)
    assert client.returncode == 130
    wait_until(lambda: not runs())


def test_a_watch_in_the_foreground_ends_too(served: Sophia) -> None:
    client = served.start("--no-daemon", *WATCH)
    read_blocks(client, 2)
    client.send_signal(signal.SIGINT)
    _, error = client.communicate(timeout=30)
    assert client.returncode == 130
    assert "Traceback" not in error


def test_a_watch_whose_reader_has_seen_enough_ends_well(served: Sophia) -> None:
    client, runs = started(served, *WATCH)
    read_blocks(client, 1)
    client.stdout.close()
    assert client.wait(10) == 0
    assert client.stderr.read() == ""
    wait_until(lambda: not runs())
    client.stdin.close()
    client.stderr.close()


def test_a_watch_holds_up_nobody_with_another_configuration(served: Sophia) -> None:
    client, _ = started(served, *WATCH)
    read_blocks(client, 1)
    other = served("list", env={"SOPHIA_HOT_CACHE__ENABLED": "false"}, timeout=30)
    assert other.returncode == 0, other.stderr
    read_blocks(client, 2)
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=10)


def test_a_watch_does_not_keep_the_process_from_ending(sophia: Sophia) -> None:
    assert sophia("up").returncode == 0
    client, _ = started(sophia, *WATCH)
    read_blocks(client, 1)
    assert sophia("down").returncode == 0
    _, error = client.communicate(timeout=10)
    assert client.returncode == 4  # 130 if it had to be cancelled
    assert error.startswith("sophia: the resident process is ending\n")


def test_a_watch_fits_the_users_terminal(served: Sophia) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 50, 0, 0))
    client, runs = started(served, *WATCH, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = ""
    while shown.count("UTC, every 100ms") < 4:
        shown += os.read(ours, 1 << 16).decode(errors="replace")
    client.send_signal(signal.SIGINT)
    while client.poll() is None:
        shown += read_what_is_there(ours)
    wait_until(lambda: not runs())
    shown += read_what_is_there(ours)
    assert client.returncode == 130
    assert shown.rstrip().endswith("sophia: interrupted")
    assert "\x1b[?25h" in shown  # the cursor is back
    frames = re.split(r"\r?(?:\x1b\[2K|\x1b\[1A)+", re.sub(r"\x1b\[[0-9;]*m", "", shown))
    lines = [frame.splitlines() for frame in frames if "until Ctrl-C" in frame][:3]
    assert max(len(frame) for frame in lines) <= 12
    assert max(len(line) for frame in lines for line in frame) <= 50
    os.close(ours)


def test_a_monitor_fits_the_terminal_also_when_that_is_resized(served: Sophia) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 70, 0, 0))
    client, runs = started(served, *MONITOR, stdin=theirs, stdout=theirs, stderr=theirs)
    shown = ""
    while "until Ctrl-C" not in shown.partition("served by")[2]:
        shown += os.read(ours, 1 << 16).decode(errors="replace")
    assert max(map(len, _lines(shown))) <= 70
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    wide = ""
    while not any(len(line) > 70 for line in _lines(wide)):
        wide += os.read(ours, 1 << 16).decode(errors="replace")
    os.close(theirs)
    client.send_signal(signal.SIGINT)
    while client.poll() is None:
        wide += read_what_is_there(ours)
    wait_until(lambda: not runs())
    wide += read_what_is_there(ours)
    assert client.returncode == 130
    assert "\x1b[?25h" in wide  # the cursor is back
    os.close(ours)


def _lines(shown: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).splitlines()


def read_what_is_there(terminal: int) -> str:
    """What can be read at once; nothing from a terminal that nobody has open any more."""
    os.set_blocking(terminal, False)
    try:
        return os.read(terminal, 1 << 16).decode(errors="replace")
    except OSError:
        return ""
