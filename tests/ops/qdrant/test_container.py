"""What a host tells of its peer: its data, its file and its container."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from sophia_cli.errors import Unreachable
from sophia_cli.ops.connection.protocol import Command, Finished
from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.gates import qdrant as gates
from sophia_cli.ops.qdrant.container import holds_data, why_not
from tests.ops.qdrant.recorded import DEAD, PEERS, Recorded
from tests.ops.qdrant.site import inventory, site

GOOD = "cluster:\n  enabled: true\n"


@dataclass
class Hosts:
    """Hosts with files, and what docker tells there; anything else fails."""

    files: dict[tuple[str, str], str] = field(default_factory=dict)
    docker: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    @contextlib.contextmanager
    def to(self, host: str) -> Iterator[Host]:
        if host in self.gone:
            raise Unreachable(f"{host}: not reached by SSH")
        yield Host(self, host)


@dataclass
class Host:
    hosts: Hosts
    host: str

    def run(self, command: Command, on_output: object = None) -> Finished:
        verb, _, rest = command.text.partition(" ")
        path = rest.removeprefix("-e ")
        there = (self.host, path) in self.hosts.files
        match verb:
            case "test":
                return Finished(0 if there else 1, "", "")
            case "cat":
                return Finished(0 if there else 1, self.hosts.files.get((self.host, path), ""), "")
            case "docker":
                told = self.hosts.docker.get(self.host)
                return Finished(0, told, "") if told else Finished(1, "", "No such object")
        raise AssertionError(f"nobody told the host of: {command.text}")


FILE = "/etc/sophia/qdrant/production.yaml"


def test_a_host_holds_data_once_it_keeps_the_state_of_a_consensus() -> None:
    hosts = Hosts({("node1", "/data/qdrant/storage/raft_state.json"): "{}"})

    assert holds_data(site(inventory(), hosts), "node1")
    assert not holds_data(site(inventory(), hosts), "node2")


def test_the_configuration_that_hosts_have_is_validated() -> None:
    hosts = Hosts({(f"node{n}", FILE): GOOD for n in (1, 2, 3)})
    place = site(inventory(), hosts)

    assert "every key of" in gates.qdrant_configuration(place, ["node1", "node2", "node3"])

    hosts.files["node2", FILE] = "cluster:\n  enabled: true\n  consensus: {bootstrap_uri: x}\n"
    with pytest.raises(
        GateFailed, match=r"node2: line 3: cluster.consensus.bootstrap_uri: does not"
    ):
        gates.qdrant_configuration(place, ["node1", "node2", "node3"])

    del hosts.files["node2", FILE]
    with pytest.raises(GateFailed, match=f"node2: {FILE} is not there"):
        gates.qdrant_configuration(place, ["node2"])


def test_why_a_peer_does_not_run_is_read_from_its_container() -> None:
    docker = (
        'false 101 7 ["--uri","http://192.0.2.13:6335"]\n--- sophia ---\n'
        "ERROR qdrant::startup: Panic occurred: Can't initialize consensus\n"
        "Caused by:\n    0: Failed to add peer to known\n"
    )
    hosts = Hosts({("node3", FILE): GOOD}, {"node3": docker})
    asks = Recorded(silent={"node3": DEAD})

    found = why_not(site(inventory(), hosts), asks, PEERS, PEERS[2])

    assert found is not None
    assert found.cause.startswith("it lost its storage: the others still list its old id")


def test_a_peer_without_a_container_and_a_host_that_is_gone() -> None:
    hosts = Hosts()
    asks = Recorded(silent={"node3": DEAD})

    found = why_not(site(inventory(), hosts), asks, PEERS, PEERS[2])
    assert found is not None
    assert "there is no container sophia-qdrant" in found.cause

    hosts.gone.add("node3")
    assert why_not(site(inventory(), hosts), asks, PEERS, PEERS[2]) is None
