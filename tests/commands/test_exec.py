"""`sophia exec`, as its users run it, on hosts that are servers in this process."""

from __future__ import annotations

import contextlib
import json
import os
import pty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Sophia
from tests.ops.connection.server import SshServer, serving

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, SshServer]]:
    """Two databases and a web host."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(serving(tmp_path / name, address=f"127.0.0.{number}"))
            for number, name in enumerate(("db-1", "db-2", "web"), 1)
        }


@pytest.fixture
def sophia(servers: dict[str, SshServer], tmp_path: Path) -> Sophia:
    """Their inventory, with a fourth host that is not there."""
    known_hosts, path = tmp_path / "known_hosts", tmp_path / "sophia.yaml"
    known_hosts.write_text("".join(s.known_hosts_file.read_text() for s in servers.values()))
    hosts: dict[str, dict[str, Any]] = {
        name: {
            "address": f"127.0.0.{number}",
            "port": server.port,
            "key_file": str(server.key_file),
            "roles": ["monitoring"],
            "labels": ["rack-1"] if name.startswith("db") else [],
        }
        for number, (name, server) in enumerate(servers.items(), 1)
    }
    hosts["web"]["user"] = "admin"
    hosts["web"]["roles"] = ["redis"]
    gone = {"address": "127.0.0.4", "port": 1, "roles": ["postgres"]}
    hosts["gone"] = {**gone, "key_file": hosts["web"]["key_file"]}
    ssh = {"known_hosts_file": str(known_hosts)}
    path.write_text(yaml.safe_dump({"ssh": ssh, "hosts": hosts}, sort_keys=False))
    return Sophia(tmp_path / "home", {"SOPHIA_CONFIG": str(path)})


def test_each_line_bears_its_host_s_name(sophia: Sophia, servers: dict[str, SshServer]) -> None:
    ended = sophia("exec", "--on", "rack-1", "--on", "web", "--", "echo one; echo two >&2")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = sorted(ended.stdout.splitlines())
    assert lines == sorted(
        f"{host} | {word}" for host in ("db-1", "db-2", "web ") for word in ("one", "two")
    )
    assert [server.logins for server in servers.values()] == [["ubuntu"], ["ubuntu"], ["admin"]]
    assert not any("sudo" in command for s in servers.values() for command in s.commands)


def test_several_words_are_a_program_and_its_arguments(sophia: Sophia) -> None:
    ended = sophia("exec", "--on", "web", "--", "printf", "<%s>", "a b", "$HOME", "--json")
    assert ended.stdout == "web | <a b><$HOME><--json>\n"


def test_as_root_and_with_a_time(sophia: Sophia, servers: dict[str, SshServer]) -> None:
    ended = sophia("exec", "--on", "web", "--sudo", "--timeout", "3s", "--", "sleep 60; true")
    assert ended.returncode == 6
    assert "web: did not end within 3 s and was told to stop: sleep 60; true" in ended.stderr
    assert servers["web"].commands
    assert all("exec sudo -n --" in command for command in servers["web"].commands)


def test_exit_statuses(sophia: Sophia) -> None:
    some = sophia("exec", "--on", "rack-1", "--on", "gone", "--", "true")
    assert some.returncode == 6
    assert "gone (127.0.0.4:1): connection refused" in some.stderr
    assert sophia("exec", "--on", "web", "--", "exit 3").returncode == 6
    assert sophia("exec", "--on", "gone", "--", "true").returncode == 4
    assert sophia("exec", "--on", "postgres", "--", "true").returncode == 4
    unknown = sophia("exec", "--on", "rack-2", "--", "true")
    assert unknown.returncode == 1
    assert "no host has the name, role or label rack-2" in unknown.stderr


def test_one_object_a_host(sophia: Sophia) -> None:
    ended = sophia("--json", "exec", "--", "echo out; echo err >&2; exit 3")
    envelope = json.loads(ended.stdout)
    assert (ended.returncode, envelope["status"], envelope["count"]) == (6, "degraded", 4)
    by_host = {each["host"]: each for each in envelope["data"]}
    assert list(by_host) == ["db-1", "db-2", "web", "gone"]
    assert by_host["web"]["stdout"] == "out\n"
    assert (by_host["web"]["stderr"], by_host["web"]["exit_status"]) == ("err\n", 3)
    assert by_host["gone"]["error"]["code"] == "host_unreachable"
    assert by_host["gone"]["exit_status"] is None


def test_what_a_terminal_would_act_on_is_taken_out(sophia: Sophia) -> None:
    ended = sophia("exec", "--on", "web", "--", r"printf 'a\033[2Jb\tc\rd\n'")
    assert ended.stdout == "web | a [2Jb    c d\n"


def test_on_a_terminal_each_host_has_a_colour(sophia: Sophia) -> None:
    ours, theirs = pty.openpty()
    running = sophia.start("exec", "--on", "rack-1", "--", "echo [bold]", stdout=theirs)
    os.close(theirs)
    said = b""
    try:
        while data := os.read(ours, 1 << 16):
            said += data
    except OSError:
        pass  # a terminal's way to say that its other side is closed
    os.close(ours)
    assert running.wait(30) == 0
    colours = {
        line.split(b"m")[0] for line in said.splitlines() if b"| " in line and b"\x1b[" in line
    }
    assert len(colours) == 2
    assert b"[bold]" in said
