"""A cluster of three peers and one more host, all well, that faults are injected into."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from sophia_cli.checks.qdrant.sources import give
from sophia_cli.checks.scene import Scene
from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.ops.facts.fact import Fact
from sophia_cli.ops.inventory.model import Inventory
from sophia_cli.ops.qdrant.asks import Answer, Peer, Silence
from sophia_cli.ops.site import Site
from tests.checks.cluster_scene import scene_of
from tests.checks.hosts.texts import Change, Text, give_told, told_of
from tests.checks.qdrant.recorded import LISTED, DoctorsRecorded, answer_of
from tests.ops.qdrant.recorded import PEERS

WANTED = {
    "hosts": {
        "node1": {"address": "192.0.2.11", "roles": ["qdrant"]},
        "node2": {"address": "192.0.2.12", "roles": ["qdrant"]},
        "node3": {"address": "192.0.2.13", "roles": ["qdrant"], "gpu": True},
        "node4": {
            "address": "192.0.2.14",
            "roles": ["redis", "postgres", "sophia", "monitoring"],
        },
    },
    "services": {
        "postgres": {"tls_certificate_file": "./db.crt", "tls_key_file": "./db.key"},
    },
}
INVENTORY = Inventory.model_validate(WANTED)
OURS = "sophia_coding"
_GPU_LOG = "there\n2026-11-23T19:00:00Z INFO gpu::device: Create GPU device NVIDIA L4\n"


@dataclass
class World:
    """All of it; a fault changes some of it.

    Attributes:
        peers: what the peers answer.
        texts: by host, what its facts print that is not as usual; see `told_of`.
        unreached: by host, why it is not reached.
        told: by host, further arguments of `told_of`.
        opened: the peers' ports that are open to everybody, by host.
        keys: what the door says to no key and to a wrong one.
    """

    peers: DoctorsRecorded = field(default_factory=lambda: _healthy())
    texts: dict[str, dict[type | Fact[Any], Text | Change]] = field(default_factory=dict)
    unreached: dict[str, SophiaError] = field(default_factory=dict)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    keys: Callable[[Peer, str | None], Answer | Silence] = lambda _, key: answer_of(
        "auth", "none-collections" if key is None else "wrong-collections"
    )

    def prints(self, host: str, fact: type | Fact[Any], text: Text | Change) -> None:
        """A host prints this for a fact."""
        self.texts.setdefault(host, {})[fact] = text

    def says(self, host: str, path: str, change: Callable[[Any], Any]) -> None:
        """A peer answers a path otherwise: `change` gets its body's `result`, or its text."""
        said = self.peers.ask(_peer(host), "GET", path)
        assert isinstance(said, Answer)
        body = copy.deepcopy(said.body)
        if isinstance(body, str):
            body = change(body)
        elif "result" in body:
            changed = change(body["result"])
            body["result"] = body["result"] if changed is None else changed
        else:
            change(body)
        self.peers.instead[host, path] = Answer(said.status, body)

    def is_silent(self, host: str, silence: Silence) -> None:
        """A peer does not answer, and the others do not reach it."""
        self.peers.silent = {**self.peers.silent, host: silence}

    @contextlib.contextmanager
    def scene(self, folder: Path) -> Iterator[Scene]:
        """A doctor's run in this world."""
        from sophia_cli.checks.qdrant.hearing import hear

        for name in ("db.crt", "db.key"):
            (folder / name).touch(mode=0o600)
        with scene_of(folder, json.dumps(WANTED)) as scene:
            told = {}
            for name in INVENTORY.hosts:
                told[name] = self.unreached.get(name) or self._told(name)
            give_told(scene, told)
            heard = hear(
                self.peers,
                PEERS,
                LISTED,
                self.keys,
                pause=0.0,
                is_lost=lambda host: host in self.unreached,
            )
            give(scene, replace(heard, connects=self._connects))
            scene.shared["reached site"] = Site(INVENTORY, _Connections(self), _NoSecrets())
            yield scene

    def _told(self, name: str) -> Any:
        from sophia_cli.checks.hosts.asked_services import Gpu

        usual: dict[Any, Any] = {Gpu: _GPU_LOG} if name == "node3" else {}
        texts = {**usual, **self.texts.get(name, {})}
        return told_of(INVENTORY, name, texts, **self.told.get(name, {}))

    def _connects(self, host: str, port: int) -> str | None:
        assert port == INVENTORY.services.qdrant.p2p_port
        return "198.51.100.7" if _host_at(host) in self.opened else None


class _Connections:
    """Hosts that reach every peer's REST, and its other port where that is open."""

    def __init__(self, world: World) -> None:
        self._world = world

    @contextlib.contextmanager
    def to(self, host: str) -> Iterator[Any]:
        if host in self._world.unreached:
            raise self._world.unreached[host]
        yield _Connection(self._world)


class _Connection:
    def __init__(self, world: World) -> None:
        self._world = world

    def open_tcp(self, address: str, port: int, timeout: float) -> Any:
        ports = INVENTORY.services.qdrant
        if port == ports.http_port or _host_at(address) in self._world.opened:
            return _Closed()
        raise Unreachable(f"{address}:{port} is not reached from there")


class _Closed:
    def close(self) -> None: ...


class _NoSecrets:
    def value(self, name: str) -> SecretStr:
        raise AssertionError(f"nobody here needs {name}")

    def all(self) -> Mapping[str, SecretStr]:
        return {}


def _peer(host: str) -> Peer:
    return next(peer for peer in PEERS if peer.host == host)


def _host_at(address: str) -> str:
    return next(name for name, host in INVENTORY.hosts.items() if host.address == address)


def _healthy() -> DoctorsRecorded:
    """The recorded healthy cluster, its collection being one of sophia's."""
    peers = DoctorsRecorded((), version="1.18.3")
    for peer in PEERS:
        names = {"collections": [{"name": OURS}]}
        peers.instead[peer.host, "/collections"] = Answer(200, {"result": names})
        for rest in ("", "/cluster"):
            said = peers.ask(peer, "GET", f"/collections/coding{rest}")
            assert isinstance(said, Answer)
            body = copy.deepcopy(said.body)
            if not rest:
                body["result"]["payload_schema"] = _schema()
            peers.instead[peer.host, f"/collections/{OURS}{rest}"] = Answer(200, body)
        telemetry = copy.deepcopy(answer_of("cluster", "healthy-telemetry").body)
        telemetry["result"]["app"]["features"]["gpu"] = peer.host == "node3"
        peers.instead[peer.host, "/telemetry"] = Answer(200, telemetry)
    return peers


def _schema() -> dict[str, Any]:
    words = {"agent": None, "session": None, "tags": None, "user": {"is_tenant": True}}
    schema: dict[str, Any] = {
        name: {
            "data_type": "keyword",
            "params": {"type": "keyword", **(more or {})},
            "points": 6000,
        }
        for name, more in words.items()
    }
    return schema | {"at": {"data_type": "float", "params": {"type": "float"}, "points": 6000}}
