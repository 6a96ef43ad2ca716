"""The change of one peer of a running cluster: proven before, drained, proven after, audited.

Without the drain four of five restarts under write load left acknowledged points missing from one
replica for good, while every state said `Active`; and nothing in Qdrant looks for it. So sophia's
own service stops using the peer first, and its replicas are compared with the others' afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.qdrant.answers import plain
from sophia_cli.ops.qdrant.asks import Answer, Asks, Peer, Silence, peers_of
from sophia_cli.ops.qdrant.audit import audit
from sophia_cli.ops.qdrant.container import holds_data, why_not
from sophia_cli.ops.qdrant.gate import Patience, prove
from sophia_cli.ops.qdrant.over_http import site_asks
from sophia_cli.ops.qdrant.same_key import refuse_stranger
from sophia_cli.ops.qdrant.startup import Explanation
from sophia_cli.ops.qdrant.witnesses import Look, look
from sophia_cli.ops.site import Site

# A change of one peer is over within this; what is older was written to all of it.
_SINCE = timedelta(hours=1)
# A peer that has much to load answers late; one that is caught up with needs longer still.
_START = 120.0
_CATCH_UP = Patience(total=1800.0)
# A cluster that is not whole now is not one to change; a moment is all that it gets.
_BEFORE = Patience(total=30.0)
_PAUSE = 0.5


class Drain(Protocol):
    """Makes sophia's own service do without a peer, on every host that runs it."""

    def drain(self, url: str) -> str:
        """Returns once nothing of it is under way any more; says what was done."""

    def resume(self, url: str) -> str:
        """Takes the peer back."""


@dataclass(frozen=True, slots=True)
class SiteDrain:
    """The drain of a site: by `sophia vectors drain`, wherever sophia runs."""

    site: Site

    def drain(self, url: str) -> str:
        """See `Drain`."""
        from sophia_cli.ops.drain import drain

        return str(drain(self.site, url))

    def resume(self, url: str) -> str:
        """See `Drain`."""
        from sophia_cli.ops.drain import resume

        return str(resume(self.site, url))


@dataclass(frozen=True, slots=True)
class RollingChange:
    """What stands around the change of each peer, for whatever asks and drains.

    Attributes:
        peers: of the inventory, in its order.
        shards: of the collections.
        holds_data: whether a peer ever ran on a host.
        why_not: why a peer does not run, where its host can tell.
        start: how long a peer may take to answer after its start, seconds.
        patience: for the cluster to be whole again.
    """

    asks: Asks
    peers: tuple[Peer, ...]
    shards: int
    drain: Drain
    holds_data: Callable[[str], bool]
    why_not: Callable[[Peer], Explanation | None]
    start: float = _START
    patience: Patience = _CATCH_UP
    look_before: Patience = _BEFORE

    def before(self, host: str) -> str:
        """See `Guard`."""
        peer = self._peer(host)
        seen = look(self.asks, self.peers)
        said = next(said.cluster for said in seen if said.peer.host == host)
        if isinstance(said, Silence):
            refuse_stranger(peer, said)
            self._refuse_lost(seen, peer)
            return f"{host} does not answer ({said.reason}): there is nothing to drain"
        if not said.enabled:
            return f"{host} runs alone, its cluster is off: there is nobody to wait for"
        shown = prove(self.asks, self._members(seen, host), self.shards, self.look_before)
        return f"{shown}; {self.drain.drain(peer.url)}"

    def after(self, host: str) -> str:
        """See `Guard`."""
        peer = self._peer(host)
        self._wait_for(peer)
        members = self._members(look(self.asks, self.peers), host)
        shown = prove(self.asks, members, self.shards, self.patience)
        lacking, compared = audit(self.asks, members, host, datetime.now(UTC) - _SINCE)
        if lacking:
            raise GateFailed(
                "qdrant: after the change " + "; ".join(str(each.reason) for each in lacking),
                "`sophia repair` writes again what a replica lacks; until then "
                f"{host} stays drained, and the next peer is left alone",
            )
        alike = f"{compared} points compared" if len(members) > 1 else "no other replica to compare"
        return f"{shown}; {alike}; {self.drain.resume(peer.url)}"

    def _peer(self, host: str) -> Peer:
        return next(peer for peer in self.peers if peer.host == host)

    def _members(self, seen: Look, host: str) -> tuple[Peer, ...]:
        """The peers that are there already: those that anybody lists, that answer, and this one."""
        listed = {uri for view in seen.views.values() for uri in view.peers.values()}
        return tuple(
            peer
            for peer in self.peers
            if plain(peer.uri) in listed or peer.host in seen.views or peer.host == host
        )

    def _refuse_lost(self, seen: Look, peer: Peer) -> None:
        """Refuses to start a peer whose storage is gone while the others still list it.

        Raises:
            GateFailed: it would be turned away, or found a cluster of its own.
        """
        ids = {host: view.id_at(peer.uri) for host, view in seen.views.items()}
        listing = {host: id_ for host, id_ in ids.items() if id_}
        if listing and not self.holds_data(peer.host):
            host, id_ = next(iter(listing.items()))
            raise GateFailed(
                f"qdrant: {peer.host} lost its storage: {host} still lists it as peer {id_}",
                f"remove the old id first: `DELETE /cluster/peer/{id_}?force=true` at {host}",
            )

    def _wait_for(self, peer: Peer) -> None:
        """Waits until the peer answers at all.

        Raises:
            GateFailed: it does not; says why, as far as it is known.
        """
        deadline = time.monotonic() + self.start
        while True:
            answer = self.asks.ask(peer, "GET", "/cluster")
            if isinstance(answer, Answer) and answer.status == 200:
                return
            if time.monotonic() >= deadline:
                break
            time.sleep(_PAUSE)
        said = answer.reason if isinstance(answer, Silence) else answer.error
        known = self.why_not(peer)
        if known is None:
            raise GateFailed(
                f"qdrant: {peer.host} does not answer after its start: {said}",
                f"on {peer.host}: docker logs sophia-qdrant",
            )
        raise GateFailed(f"qdrant: {peer.host} did not start: {known.cause}", known.next_step)


class QdrantGuard:
    """The guard of the playbook's step that changes peers: `guard: qdrant`."""

    def before(self, site: Site, host: str) -> str:
        """See `Guard`."""
        with site_asks(site) as asks:
            return _change(site, asks).before(host)

    def after(self, site: Site, host: str) -> str:
        """See `Guard`."""
        with site_asks(site) as asks:
            return _change(site, asks).after(host)


def _change(site: Site, asks: Asks) -> RollingChange:
    peers = peers_of(site.inventory)
    return RollingChange(
        asks,
        peers,
        site.inventory.services.qdrant.shards,
        SiteDrain(site),
        lambda host: holds_data(site, host),
        lambda peer: why_not(site, asks, peers, peer),
    )
