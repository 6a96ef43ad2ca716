"""Where the peers are: in the inventory, or in the configuration's URLs; and who does not apply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sophia_cli.checks.check import Finding, skipped, unknown
from sophia_cli.checks.hosts.expected import is_loopback
from sophia_cli.checks.hosts.reach import Reach, reached_site
from sophia_cli.checks.qdrant.asking import Hasty
from sophia_cli.checks.qdrant.hearing import Hearing, Wanted, hear
from sophia_cli.config.model import Vectors
from sophia_cli.memory.model import Kind
from sophia_cli.ops.inventory.model import Role
from sophia_cli.ops.qdrant.answers import Unreadable, cluster_view
from sophia_cli.ops.qdrant.asks import (
    API_KEY,
    Answer,
    Asks,
    Peer,
    Silence,
    in_parallel,
    peers_of,
)
from sophia_cli.ops.qdrant.over_http import Directly, HttpAsks, OverSsh, Ways

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

IN_PROCESS = "the vectors are in the resident process: there are no peers"
ONE_SERVER = "there is one server, which is no cluster"
P2P_PORT = 6335
_HTTP_PORT = 6333
_NAME = "what the peers of Qdrant say"


def hearing(scene: Scene) -> Hearing | str:
    """What the peers say, heard once for all checks; why there are none, where that is so.

    Raises:
        ConfigurationError: the configuration or the inventory is wrong.
    """
    return scene.once(_NAME, lambda: _heard(scene))


def give(scene: Scene, heard: Hearing | str) -> None:
    """Has the checks of this scene look at this, in place of what the configuration names."""
    scene.shared[_NAME] = heard


def on_cluster(
    look: Callable[[Hearing], Iterator[Finding]], *, clustered: bool = False
) -> Callable[[Scene], Iterator[Finding]]:
    """A check's look at what was heard; it says itself where there is nothing to look at.

    Args:
        clustered: whether it looks at what only a cluster has.
    """

    def looked(scene: Scene) -> Iterator[Finding]:
        heard = hearing(scene)
        reason = without(heard, clustered=clustered)
        if reason is not None:
            yield reason
        elif isinstance(heard, Hearing):
            yield from look(heard)

    return looked


def without(heard: Hearing | str, *, clustered: bool = False) -> Finding | None:
    """Why a check that needs an answer cannot be made, or does not apply; None where it can."""
    if isinstance(heard, str):
        return skipped(heard)
    if not heard.answering:
        return unknown("no peer answers")
    if clustered and not heard.look.views:
        if heard.wanted.clustered:
            return unknown("no peer is part of a cluster")
        return skipped(ONE_SERVER)
    return None


def _heard(scene: Scene) -> Hearing | str:
    read = scene.inventory
    if read is not None and read.inventory.with_role(Role.QDRANT):
        return _of_inventory(scene)
    config = scene.loaded.config
    if config.vector_engine != "server" or not config.vectors.urls:
        return IN_PROCESS
    return _of_urls(scene)


def _of_inventory(scene: Scene) -> Hearing:
    site = reached_site(scene)
    key = site.secrets.value(API_KEY).get_secret_value()
    ways = OverSsh(site)
    asks = HttpAsks(ways, key, scene.stack)
    wanted = Wanted(
        listed=True,
        clustered=True,
        collections=_collections(Vectors().prefix),
        factor=site.inventory.services.qdrant.replication_factor,
        keyed=True,
    )
    connections = site.connections

    def is_lost(host: str) -> bool:
        return isinstance(connections, Reach) and connections.error(host) is not None

    peers = peers_of(site.inventory)
    return hear(asks, peers, wanted, _door(ways, scene), is_lost=is_lost)


def _of_urls(scene: Scene) -> Hearing:
    vectors = scene.loaded.config.vectors
    key = vectors.api_key()
    text = None if key is None else key.get_secret_value()
    ways = Directly()
    asks = HttpAsks(ways, text, scene.stack)
    wanted = Wanted(
        listed=False,
        clustered=len(vectors.urls) > 1,
        collections=_collections(vectors.prefix),
        factor=None,
        keyed=text is not None,
    )
    hasty = Hasty(asks)  # shared: who is silent is waited for once
    return hear(hasty, _introduced(hasty, vectors.urls), wanted, _door(ways, scene))


def _door(ways: Ways, scene: Scene) -> Callable[[Peer, str | None], Answer | Silence]:
    """Asks for the collections with another key, or none."""

    def knock(peer: Peer, key: str | None) -> Answer | Silence:
        return Hasty(HttpAsks(ways, key, scene.stack)).ask(peer, "GET", "/collections")

    return knock


def _collections(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}_{kind}" for kind in Kind)


def _introduced(asks: Asks, urls: tuple[str, ...]) -> tuple[Peer, ...]:
    """The peers at these URLs, each with the address that it is known by to the others.

    Nobody but the peers knows that address. Of one that is silent it is the one of the same host
    that the others list, else the usual one.
    """
    peers = tuple(_peer(url) for url in dict.fromkeys(urls))
    own: dict[str, str] = {}
    listed: set[str] = set()
    for host, said in in_parallel(lambda peer: asks.ask(peer, "GET", "/cluster"), peers).items():
        if isinstance(said, Answer) and said.status == 200:
            try:
                view = cluster_view(said.result)
            except Unreadable:
                continue
            listed.update(view.peers.values())
            if view.id in view.peers:
                own[host] = view.peers[view.id]
    left = listed - set(own.values())
    return tuple(
        Peer(peer.host, peer.url, own.get(peer.host) or _likely(peer, left)) for peer in peers
    )


def _peer(url: str) -> Peer:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _HTTP_PORT
    bracketed = f"[{host}]" if ":" in host else host
    return Peer(
        f"{bracketed}:{port}",
        f"{parts.scheme}://{bracketed}:{port}",
        f"http://{bracketed}:{P2P_PORT}",
    )


def _likely(peer: Peer, listed: set[str]) -> str:
    host = urlsplit(peer.url).hostname
    same = [uri for uri in sorted(listed) if urlsplit(uri).hostname == host]
    return same[0] if len(same) == 1 else peer.uri


def all_on_loopback(heard: Hearing) -> bool:
    """Whether nobody but this machine reaches the peers."""
    return all(is_loopback(urlsplit(peer.url).hostname or "") for peer in heard.peers)
