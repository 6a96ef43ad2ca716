"""What reaches the socket: large, odd, cut short, garbage, nothing. And who may reach it."""

from __future__ import annotations

import array
import contextlib
import json
import os
import random
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from sophia_cli import __version__, wire
from sophia_cli.locations import resident_socket
from tests.conftest import SOPHIA, Sophia, processes_of


def connected(sophia: Sophia) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect(resident_socket(str(sophia.home)))
    return connection


REQUEST = wire.pack(__version__, b"/", [b"list"], [b"A=B"])


@pytest.mark.parametrize(
    "sent",
    [
        b"\0",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\xff" * 4096,
        REQUEST[:-3],
        REQUEST[:2],
        (10**6).to_bytes(4, "big") + REQUEST[4:],
        (3).to_bytes(4, "big") + REQUEST[4:],
        wire.pack(__version__, b"/", [], [])[:4] + b"x" * 200,
        wire.pack(__version__, b"", [b"list\0list"], []),
        (4).to_bytes(4, "big") + b"\xff\xfe\0\0",
        random.Random(7).randbytes(5000),
    ],
)
def test_garbage_is_dropped(served: Sophia, sent: bytes) -> None:
    with connected(served) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) in (b"", wire.OTHER_VERSION)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_request_with_the_wrong_streams_is_dropped(served: Sophia, count: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    with connected(served) as connection:
        connection.sendall(REQUEST)
        assert connection.recv(1) == wire.ACCEPTED
        streams = array.array("i", [null] * count).tobytes()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)] if count else []
        connection.sendmsg([wire.STREAMS], rights)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    os.close(null)


def test_a_client_that_leaves_after_it_was_accepted(served: Sophia) -> None:
    for _ in range(20):
        with connected(served) as connection:
            connection.sendall(REQUEST)
            assert connection.recv(1) == wire.ACCEPTED


def test_two_hundred_silent_clients_hold_up_nobody(served: Sophia) -> None:
    silent = [connected(served) for _ in range(200)]
    assert served("list", timeout=20).returncode == 0
    assert "running" in served("status").stdout
    for connection in silent:
        connection.close()


def test_only_the_owner_reaches_the_socket(served: Sophia) -> None:
    path = Path(resident_socket(str(served.home)))
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    for directory in (path.parent, served.home):
        assert stat.S_IMODE(directory.lstat().st_mode) == 0o700


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads /proc/net")
def test_no_process_of_a_home_opens_a_network_port(served: Sophia) -> None:
    ports = {
        line.split()[9]
        for name in ("tcp", "tcp6", "udp", "udp6")
        if (table := Path(f"/proc/net/{name}")).exists()
        for line in table.read_text().splitlines()[1:]
    }
    sockets = 0
    for pid in family(served.home):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                target = str(link.readlink())
                if target.startswith("socket:["):
                    sockets += 1
                    assert target[8:-1] not in ports, (pid, target)
    assert sockets > 3


def family(home: Path) -> set[int]:
    """The processes of a home and all their children."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().rpartition(")")[2].split()[1]
                )
    found = set(processes_of(home))
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def test_a_megabyte_from_stdin(served: Sophia) -> None:
    ended = served("remember", "-", input="word " * 200_000)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) <= 2


def test_the_largest_argument_that_linux_takes(served: Sophia) -> None:
    ended = served("recall", "database " * 13_000)
    assert ended.returncode in (0, 2)
    assert "Traceback" not in ended.stderr


def test_five_thousand_variables(served: Sophia) -> None:
    many = {f"VARIABLE_{number}": "x" * 100 for number in range(5000)}
    ended = served("recall", "which vector database?", "--session", "alpha", env=many)
    assert ended.returncode == 0
    assert "Qdrant" in ended.stdout


def test_arguments_that_are_not_utf8(served: Sophia) -> None:
    both = [served(*way, "recall", b"caf\xe9 database") for way in ([], ["--no-daemon"])]
    assert [(each.returncode, each.stderr) for each in both] == [
        (both[0].returncode, both[0].stderr)
    ] * 2
    assert both[0].returncode in (0, 2)


@pytest.mark.parametrize("way", [[], ["--no-daemon"]])
def test_a_working_directory_that_was_deleted(
    served: Sophia, tmp_path: Path, way: list[str]
) -> None:
    gone = tmp_path / "gone"
    line = f'mkdir {gone} && cd {gone} && rmdir {gone} && "$0" {" ".join(way)}'
    for command, status in (("recall database", 0), ("ingest notes.md", 2)):
        ended = subprocess.run(
            ["sh", "-c", f"{line} {command}", str(SOPHIA)],
            env=served.environment({}),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == status, ended.stderr
        assert "Traceback" not in ended.stderr
    assert f"{gone}/notes.md" in ended.stderr


def test_paths_are_those_of_the_client(served: Sophia, tmp_path: Path) -> None:
    (tmp_path / "here.md").write_text("# A heading\n\nWritten where the user is.\n")
    ended = served("--json", "ingest", "here.md", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert json.loads(ended.stdout)["data"][0]["created"] == 1
