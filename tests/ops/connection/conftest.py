"""Hosts to connect to: a server in this process, and OpenSSH's own where it is installed."""

from __future__ import annotations

import contextlib
import getpass
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.ops.connection.known_hosts import KnownHosts
from sophia_cli.ops.connection.pool import HostConnections
from sophia_cli.ops.connection.redaction import Redactor
from sophia_cli.ops.connection.ssh import SshConnection
from sophia_cli.ops.inventory.model import Inventory
from tests.ops.connection.server import SshServer, serving
from tests.ops.connection.showing import SSHD, shown_by_sshd, sshd

HOST = "web-1"
Connect = Callable[..., SshConnection]


def inventory_of(server: SshServer, *hosts: str, **ssh: Any) -> Inventory:
    """An inventory whose hosts are all this server."""
    return Inventory.model_validate(
        {
            "ssh": {
                "port": server.port,
                "key_file": server.key_file,
                "known_hosts_file": server.known_hosts_file,
                "connect_timeout": "5s",
                **ssh,
            },
            "hosts": {
                name: {"address": "127.0.0.1", "roles": ["qdrant"]} for name in hosts or (HOST,)
            },
        }
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with serving(tmp_path / "server") as running:
        yield running


@pytest.fixture
def connect(server: SshServer) -> Iterator[Connect]:
    """Connects to the server in this process; keywords are keys of `ssh`."""
    opened: list[HostConnections] = []

    def connection(
        redactor: Redactor | None = None, cancelled: Any = None, **ssh: Any
    ) -> SshConnection:
        connections = HostConnections(inventory_of(server, **ssh), redactor, cancelled)
        opened.append(connections)
        with connections.to(HOST) as found:
            assert isinstance(found, SshConnection)
            return found

    yield connection
    for connections in opened:
        connections.close()


@pytest.fixture
def connection(connect: Connect) -> SshConnection:
    return connect()


@pytest.fixture(params=["in this process", "OpenSSH"])
def any_connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SshConnection]:
    """A connection to each kind of server: what holds for one holds for the other."""
    if request.param == "in this process":
        with (
            serving(tmp_path / "server") as server,
            HostConnections(inventory_of(server)) as pool,
            pool.to(HOST) as found,
        ):
            assert isinstance(found, SshConnection)
            yield found
        return
    if SSHD is None:
        pytest.skip("OpenSSH's server is not installed")
    with (
        openssh(tmp_path / "sshd") as inventory,
        HostConnections(inventory) as pool,
        pool.to(HOST) as found,
    ):
        assert isinstance(found, SshConnection)
        yield found


@contextlib.contextmanager
def openssh(folder: Path, *lines: str) -> Iterator[Inventory]:
    """OpenSSH's server, and an inventory that names it."""
    folder.mkdir(mode=0o700)
    key, known_hosts = folder / "id", folder / "known_hosts"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    authorized = f"AuthorizedKeysFile {key}.pub"
    # Not the home of whoever runs the tests: its .bashrc is run for every command.
    home = f"SetEnv HOME={folder}"
    with sshd(folder, ["ed25519"], authorized, "PermitRootLogin yes", home, *lines) as port:
        KnownHosts(known_hosts).pin("127.0.0.1", port, shown_by_sshd(folder, "ed25519"))
        yield Inventory.model_validate(
            {
                "ssh": {
                    "port": port,
                    "user": getpass.getuser(),
                    "key_file": key,
                    "known_hosts_file": known_hosts,
                },
                "hosts": {HOST: {"address": "127.0.0.1", "roles": ["qdrant"]}},
            }
        )
