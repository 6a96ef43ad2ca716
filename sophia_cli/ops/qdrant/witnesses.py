"""One look at a cluster: what every peer says at about the same time.

`/readyz`, `/healthz` and `/issues` are not asked: they say that all is well with a dead peer,
without a quorum and on a full disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

from sophia_cli.ops.qdrant.answers import (
    ClusterView,
    PeerSeen,
    ReplicasView,
    Unreadable,
    cluster_view,
    peers_seen,
    replicas_view,
)
from sophia_cli.ops.qdrant.asks import Answer, Asks, Peer, Silence, in_parallel

T = TypeVar("T")
PROBE = "sophia_probe"
"""The collection of the probing writes; it holds nothing of anybody's."""

_NOT_ASKED = Silence("not asked")
# A peer waits for the others this long before it calls them unresponsive, seconds.
_WAITS = 3
_TELEMETRY = f"/cluster/telemetry?timeout={_WAITS}"


@dataclass(frozen=True, slots=True)
class CollectionView:
    """A collection as one peer sees it."""

    replicas: ReplicasView
    factor: int


@dataclass(frozen=True, slots=True)
class Testimony:
    """What one peer says.

    Attributes:
        cluster: its view; a silence where it did not answer, and then the rest is empty.
        seen: whom it reached; a silence where it failed to tell, None where it is too old to.
        collections: by name, the ones that it knows.
    """

    peer: Peer
    cluster: ClusterView | Silence
    version: str = ""
    seen: tuple[PeerSeen, ...] | Silence | None = None
    collections: Mapping[str, CollectionView] | Silence = _NOT_ASKED


@dataclass(frozen=True, slots=True)
class Look:
    """What all peers say; the wanted ones, in the inventory's order."""

    testimonies: tuple[Testimony, ...]

    def __iter__(self) -> Iterator[Testimony]:
        return iter(self.testimonies)

    @property
    def views(self) -> dict[str, ClusterView]:
        """By host, the views of the peers that answered and are part of a cluster."""
        return {
            said.peer.host: said.cluster
            for said in self
            if isinstance(said.cluster, ClusterView) and said.cluster.enabled
        }

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that run, each once."""
        return tuple(sorted({said.version for said in self if said.version}))

    @property
    def collections(self) -> tuple[str, ...]:
        """All that any peer knows, without the one of the probing writes."""
        names = {
            name
            for said in self
            if not isinstance(said.collections, Silence)
            for name in said.collections
        }
        return tuple(sorted(names - {PROBE}))

    def host_of(self, id_: str) -> str:
        """The host of a peer id as the peers themselves say; the id where none does."""
        return next((host for host, view in self.views.items() if view.id == id_), f"peer {id_}")


def look(asks: Asks, peers: Sequence[Peer]) -> Look:
    """Asks all peers, at once."""
    said = in_parallel(lambda peer: _testimony(asks, peer), peers)
    return Look(tuple(said[peer.host] for peer in peers))


def _testimony(asks: Asks, peer: Peer) -> Testimony:
    cluster = _read(asks.ask(peer, "GET", "/cluster"), cluster_view)
    if isinstance(cluster, Silence):
        return Testimony(peer, cluster)
    return Testimony(
        peer, cluster, _version(asks, peer), _seen(asks, peer), _collections(asks, peer)
    )


def _version(asks: Asks, peer: Peer) -> str:
    answer = asks.ask(peer, "GET", "/")
    if isinstance(answer, Silence) or not isinstance(answer.body, dict):
        return ""
    return str(answer.body.get("version", ""))


def _seen(asks: Asks, peer: Peer) -> tuple[PeerSeen, ...] | Silence | None:
    answer = asks.ask(peer, "GET", _TELEMETRY, timeout=2.0 * _WAITS)
    if isinstance(answer, Answer) and answer.status == 404:
        return None
    return _read(answer, peers_seen)


def _collections(asks: Asks, peer: Peer) -> Mapping[str, CollectionView] | Silence:
    names = _read(asks.ask(peer, "GET", "/collections"), _names)
    if isinstance(names, Silence):
        return names
    found: dict[str, CollectionView] = {}
    for name in names:
        path = f"/collections/{quote(name, safe='')}"
        replicas = _read(asks.ask(peer, "GET", f"{path}/cluster"), replicas_view)
        factor = _read(asks.ask(peer, "GET", path), _factor)
        for part in (replicas, factor):
            if isinstance(part, Silence):
                return Silence(f"{name}: {part.reason}")
        if isinstance(replicas, ReplicasView) and isinstance(factor, int):
            found[name] = CollectionView(replicas, factor)
    return found


def _names(result: object) -> list[str]:
    if not isinstance(result, dict):
        raise Unreadable("a list of collections that cannot be read")
    return [str(each["name"]) for each in result["collections"]]


def _factor(result: object) -> int:
    try:
        return int(result["config"]["params"]["replication_factor"])  # type: ignore[index]
    except (LookupError, TypeError, ValueError) as error:
        raise Unreadable("a collection that cannot be read") from error


def _read(answer: Answer | Silence, reading: Callable[[object], T]) -> T | Silence:
    if isinstance(answer, Silence):
        return answer
    if answer.status != 200:
        return Silence(answer.error, status=answer.status)
    try:
        return reading(answer.result)
    except Unreadable as error:
        return Silence(str(error))
