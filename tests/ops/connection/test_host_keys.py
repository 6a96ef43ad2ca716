"""A host's key is fetched as it is, from whatever answers, in bounded time."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from sophia_cli.ops.connection.host_keys import fetch
from sophia_cli.ops.errors import HostUnreachable
from tests.ops.connection.showing import (
    SSHD,
    private_key,
    public,
    showing,
    shown_by_sshd,
    sshd,
)

PATIENCE = 10.0


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_the_key_is_the_one_that_the_server_has(kind: str) -> None:
    key = private_key(kind)
    with showing(key) as port:
        assert fetch("127.0.0.1", port, PATIENCE) == public(key)


def test_the_kind_that_is_pinned_is_fetched_where_there_are_several() -> None:
    ed, rsa = private_key("ed25519"), private_key("rsa")
    with showing(ed, rsa) as port:
        assert fetch("127.0.0.1", port, PATIENCE) == public(ed)
        assert fetch("127.0.0.1", port, PATIENCE, kinds=("ssh-rsa",)) == public(rsa)
        assert fetch("127.0.0.1", port, PATIENCE, kinds=("ssh-dss", "x")) == public(ed)


def test_it_goes_over_a_connection_that_is_there() -> None:
    key = private_key("ed25519")
    with showing(key) as port:
        stream = socket.create_connection(("127.0.0.1", port))
        assert fetch("192.0.2.11", 22, PATIENCE, stream) == public(key)
        assert stream.fileno() == -1


@pytest.mark.skipif(SSHD is None, reason="needs OpenSSH's server")
def test_openssh_shows_what_ssh_keygen_says(tmp_path: Path) -> None:
    kinds = ("ed25519", "ecdsa", "rsa")
    folder = tmp_path / "sshd"
    with sshd(folder, kinds) as port:
        for kind in kinds:
            expected = shown_by_sshd(folder, kind)
            fetched = fetch("127.0.0.1", port, PATIENCE, kinds=(expected.kind,))
            assert fetched == expected
            listed = subprocess.run(
                [str(shutil.which("ssh-keygen")), "-l", "-f", folder / f"{kind}.pub"],
                capture_output=True,
                text=True,
                check=True,
            )
            assert listed.stdout.split()[1] == fetched.fingerprint


def test_a_closed_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(HostUnreachable, match=f"^127.0.0.1:{port}: connection refused$"):
        fetch("127.0.0.1", port, PATIENCE)


def test_a_name_that_there_is_not_is_said() -> None:
    with pytest.raises(HostUnreachable, match="there is no such name"):
        fetch("x" * 64, 22, PATIENCE)  # longer than a name may be: nobody is asked


def test_who_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(HostUnreachable, match=r"said nothing within 0\.5 s"):
            fetch("127.0.0.1", port, 0.5)


def test_who_speaks_something_else_is_said_and_nothing_is_printed(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL + 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        accepted.close()
        with pytest.raises(HostUnreachable, match="does not speak SSH"):
            fetch("127.0.0.1", port, PATIENCE, client)
    assert capfd.readouterr().err == ""
