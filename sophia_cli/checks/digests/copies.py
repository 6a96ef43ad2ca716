"""The copies of the points that there are: one in process, or one a peer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from sophia_cli.checks.digests.difference import Named
from sophia_cli.memory.ports import Copy
from sophia_cli.ops.qdrant.asks import Peer, peers_of
from sophia_cli.ops.qdrant.over_http import Directly, HttpAsks, site_asks

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene


def copies_of(scene: Scene) -> tuple[Named, ...]:
    """Every copy of the points, each by its name.

    Peers are asked over SSH where the configuration names hosts, else at `vectors.urls`.

    Raises:
        SophiaError: the memory cannot be opened, or the configuration is wrong.
    """
    return scene.once("copies", lambda: _copies(scene))


def _copies(scene: Scene) -> tuple[Named, ...]:
    config, service = scene.loaded.config, scene.service
    if config.vector_engine == "edge":
        return (Named("", cast(Copy, service.vectors)),)
    dimension = service.records.models.current().dimension or service.embedder.dimension
    from sophia_cli.checks.digests.peer import PeerCopy

    peers: Sequence[Peer]
    if scene.inventory is not None:
        asks = scene.stack.enter_context(site_asks(scene.site))
        peers = peers_of(scene.site.inventory)
    else:
        key = config.vectors.api_key()
        plain = None if key is None else key.get_secret_value()
        asks, peers = HttpAsks(Directly(), plain, scene.stack), _peers_at(config.vectors.urls)
    prefix = config.vectors.prefix
    return tuple(Named(peer.host, PeerCopy(asks, peer, prefix, dimension)) for peer in peers)


def _peers_at(urls: Sequence[str]) -> list[Peer]:
    """The peers at addresses of the configuration, each by its own: `192.0.2.11:6333`."""
    from sophia_cli.tiers.vectors.clients import peer_url

    return [Peer(urlsplit(url).netloc, url, "") for url in map(peer_url, urls)]
