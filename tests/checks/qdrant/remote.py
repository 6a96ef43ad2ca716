"""Hosts that are this machine, each with a peer: what they are asked really runs here."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import SecretStr

from sophia_cli.checks.hosts.reach import Reach
from sophia_cli.checks.scene import Scene
from sophia_cli.ops.connection.protocol import Command, Connections, Finished
from sophia_cli.ops.inventory.model import Inventory
from sophia_cli.ops.site import Site
from tests.checks.cluster_scene import scene_of
from tests.checks.qdrant.running import KEY, Standins
from tests.ops.connection.server import SshServer
from tests.ops.qdrant.loopback import Loopback

DATA = "/data/qdrant"


@dataclass
class HostsHere:
    """A run of doctor over connections to these hosts."""

    folder: Path
    text: str
    connections: Connections

    @contextlib.contextmanager
    def scene(self) -> Iterator[Scene]:
        with scene_of(self.folder, self.text) as made:
            inventory = Inventory.model_validate(json.loads(self.text))
            site = Site(inventory, Reach(self.connections), _Key())
            made.shared["reached site"] = site
            yield made


def hosts_here(folder: Path, running: Standins, directories: Mapping[str, Path]) -> HostsHere:
    """One host a peer.

    Args:
        directories: where a host has its /data/qdrant; all others have it in `folder`.
    """
    hosts = {
        f"node{peer.number}": {"address": peer.host, "roles": ["qdrant"]}
        for peer in running.cluster.peers
    }
    text = json.dumps({"hosts": hosts})
    return HostsHere(folder, text, _Moved(dict.fromkeys(hosts, folder) | dict(directories)))


def ssh_inventory(folder: Path, running: Standins, servers: Sequence[SshServer]) -> str:
    """A sophia.yaml whose hosts are these servers, one a peer, and whose key is kept here."""
    known_hosts = folder / "known_hosts"
    known_hosts.write_text("".join(each.known_hosts_file.read_text() for each in servers))
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    key = secrets / "qdrant-api-key"
    key.touch(mode=0o600)
    key.write_text(KEY)
    hosts = {
        f"node{peer.number}": {
            "address": "127.0.0.1",
            "private_address": peer.host,
            "port": server.port,
            "key_file": str(server.key_file),
            "roles": ["qdrant"],
        }
        for peer, server in zip(running.cluster.peers, servers, strict=True)
    }
    ssh = {"known_hosts_file": str(known_hosts)}
    return json.dumps({"cluster": {"secrets_dir": str(secrets)}, "ssh": ssh, "hosts": hosts})


class _Key:
    def value(self, name: str) -> SecretStr:
        assert name == "qdrant-api-key"
        return SecretStr(KEY)

    def all(self) -> dict[str, SecretStr]:
        return {"qdrant-api-key": SecretStr(KEY)}


class _Moved:
    """Connections to this machine, which has the data of each host somewhere else."""

    def __init__(self, directories: Mapping[str, Path]) -> None:
        self._directories = directories

    @contextlib.contextmanager
    def to(self, host: str) -> Iterator[Loopback]:
        yield _MovedHost(host, self._directories[host])


class _MovedHost(Loopback):
    def __init__(self, host: str, directory: Path) -> None:
        super().__init__(host)
        self._directory = directory

    def run(self, command: Command, on_output: Callable[[str], None] | None = None) -> Finished:
        stdin = command.stdin.replace(DATA.encode(), str(self._directory).encode())
        finished = super().run(replace(command, stdin=stdin), on_output)
        return replace(finished, stdout=finished.stdout.replace(str(self._directory), DATA))
