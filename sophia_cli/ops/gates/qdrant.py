"""The gates of Qdrant that a playbook's step may name."""

from __future__ import annotations

from collections.abc import Sequence

from sophia_cli.config.model import Vectors
from sophia_cli.memory.kind import Kind
from sophia_cli.ops.drain import left_drained
from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.qdrant.asks import Asks, Peer, peers_of
from sophia_cli.ops.qdrant.container import CONFIGURATION, configuration, holds_data, why_not
from sophia_cli.ops.qdrant.founding import may_be_founded
from sophia_cli.ops.qdrant.gate import Patience, prove
from sophia_cli.ops.qdrant.keys import notes, validate
from sophia_cli.ops.qdrant.over_http import site_asks
from sophia_cli.ops.qdrant.rolling import QdrantGuard
from sophia_cli.ops.qdrant.same_key import refuse_strangers
from sophia_cli.ops.qdrant.stored import all_stored
from sophia_cli.ops.qdrant.witnesses import look
from sophia_cli.ops.site import Site

_MOST = 6


def qdrant(site: Site, _: Sequence[str]) -> str:
    """All peers of the inventory are one cluster, and whole: see `ops.qdrant.gate`.

    A peer that a deployment drained before it was ended is audited, and taken back.

    Raises:
        GateFailed, Unreachable: see `Gate`.
    """
    peers = peers_of(site.inventory)
    with site_asks(site) as asks:
        try:
            shown = prove(asks, peers, site.inventory.services.qdrant.shards, Patience())
        except GateFailed as error:
            explained = _explained(site, asks, peers, error)
            if explained is None:
                raise
            raise explained from error
    left = left_drained(site)
    taken_back = [
        f"{peer.host} was left drained: {QdrantGuard().after(site, peer.host)}"
        for peer in peers
        if peer.url in left
    ]
    return "; ".join([shown, *taken_back])


def qdrant_key(site: Site, _: Sequence[str]) -> str:
    """Each peer that runs already takes this cluster's key.

    Raises:
        GateFailed, Unreachable: see `Gate`.
    """
    with site_asks(site) as asks:
        return refuse_strangers(asks, peers_of(site.inventory))


def qdrant_collections(site: Site, _: Sequence[str]) -> str:
    """The collections of sophia are there on every peer, as the inventory wants them.

    Raises:
        GateFailed, Unreachable: see `Gate`.
    """
    service, peers = site.inventory.services.qdrant, peers_of(site.inventory)
    names = [f"{Vectors().prefix}_{kind}" for kind in Kind]
    with site_asks(site) as asks:
        if service.replication_factor <= len(peers) and all_stored(asks, peers, names):
            return "; ".join(f"{name} is there, as it should be on every peer" for name in names)
        from sophia_cli.ops.qdrant.collections import ensure, wanted_layouts

        return ensure(asks, peers, wanted_layouts(service))


def qdrant_founding(site: Site, _: Sequence[str]) -> str:
    """The first peer may found the cluster, or need not.

    Raises:
        GateFailed, Unreachable: see `Gate`.
    """
    with site_asks(site) as asks:
        return may_be_founded(asks, peers_of(site.inventory), lambda host: holds_data(site, host))


def qdrant_configuration(site: Site, hosts: Sequence[str]) -> str:
    """The configuration that each host has holds keys that the server reads, and no others.

    Raises:
        GateFailed, Unreachable: see `Gate`.
    """
    wrong: list[str] = []
    old: list[str] = []
    for host in hosts:
        text = configuration(site, host)
        if text is None:
            wrong.append(f"{host}: {CONFIGURATION} is not there")
            continue
        wrong.extend(f"{host}: {finding}" for finding in validate(text))
        old.extend(str(finding) for finding in notes(text) if not validate(text))
    if wrong:
        more = f"; and {len(wrong) - _MOST} more" if len(wrong) > _MOST else ""
        raise GateFailed(
            f"qdrant: {'; '.join(wrong[:_MOST])}{more}",
            "correct your template qdrant/production.yaml: the server would not say a word",
        )
    noted = f" ({'; '.join(dict.fromkeys(old))})" if old else ""
    return f"every key of {CONFIGURATION} is one that the server reads{noted}"


def _explained(
    site: Site, asks: Asks, peers: tuple[Peer, ...], error: GateFailed
) -> GateFailed | None:
    """The gate's error with the cause that the container of a silent peer gives; None without."""
    seen = look(asks, peers)
    silent = next((said.peer for said in seen if said.peer.host not in seen.views), None)
    known = why_not(site, asks, peers, silent) if silent else None
    if silent is None or known is None:
        return None
    return GateFailed(f"{error.message}; {silent.host}: {known.cause}", known.next_step)
