"""What was heard of a cluster: every peer asked the same at about the same time.

What may pass by itself (an election, an operation on its way, a write that two peers count
differently) is looked at again, and counts only where it stays.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from sophia_cli.checks.check import Finding, failed, passed, unknown
from sophia_cli.checks.qdrant.asking import Hasty, Noted
from sophia_cli.ops.qdrant.answers import WORKING, ClusterView, plain
from sophia_cli.ops.qdrant.asks import Answer, Asks, Peer, Silence, in_parallel
from sophia_cli.ops.qdrant.consensus import against_consensus
from sophia_cli.ops.qdrant.judgement import Kind, Reason, told
from sophia_cli.ops.qdrant.replicas import against_counts, against_replicas
from sophia_cli.ops.qdrant.witnesses import PROBE, Look, Testimony, look

_LOOKS = 3
_PAUSE = 0.4
# A look that took longer waited for somebody: a second one would wait as long.
_QUICK = 1.5
SHUT_AFTER = 1.5
"""Seconds after which a port that says nothing counts as shut."""
WITNESSES = 2
"""How many peers must say the same, where there are as many."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the cluster should be, as far as anybody said.

    Attributes:
        listed: whether the inventory lists all peers and their addresses, else the configuration's
            URLs may be some of them, and the addresses between peers are as the peers say.
        clustered: whether they should be peers of one cluster.
        collections: the names of sophia's.
        factor: replicas of each shard of them; None where nobody said.
        keyed: whether a key is sent to them.
    """

    listed: bool
    clustered: bool
    collections: tuple[str, ...]
    factor: int | None
    keyed: bool


@dataclass(frozen=True, slots=True)
class Sighting:
    """A peer as another one reached it just now, of `GET /cluster/telemetry`.

    Attributes:
        by: the host of the peer that says so.
        id: of the peer that was to be reached; `host` is its host, empty for one nobody wants.
        details: what it told of itself; empty where it did not.
    """

    by: str
    id: str
    host: str
    responsive: bool
    details: Mapping[str, Any]

    @property
    def votes(self) -> bool:
        """Whether it was reached, works and is a voter."""
        thread = self.details.get("consensus_thread_status") or {}
        works = thread.get("consensus_thread_status") == WORKING
        return self.responsive and works and bool(self.details.get("is_voter"))


def _nowhere(_: str) -> bool:
    return False


def connects(host: str, port: int) -> str | None:
    """From which address this machine reaches a port; None where it does not."""
    try:
        with contextlib.closing(socket.create_connection((host, port), SHUT_AFTER)) as connected:
            return str(connected.getsockname()[0])
    except OSError:
        return None


@dataclass(slots=True)
class Hearing:
    """What was heard.

    Attributes:
        asks: puts further questions.
        looks: one, or several where something could have passed by itself.
        answers: by host and path, of the last look.
        door: asks a peer with another key, or with none.
        pause: before what could pass by itself is asked again, seconds.
        is_lost: whether we do not come to a host at all, so that its silence says nothing.
        connects: connects from this machine; from which address, None where it does not succeed.
    """

    wanted: Wanted
    peers: tuple[Peer, ...]
    asks: Asks
    looks: tuple[Look, ...]
    answers: Mapping[tuple[str, str], Answer | Silence]
    door: Callable[[Peer, str | None], Answer | Silence]
    pause: float = _PAUSE
    is_lost: Callable[[str], bool] = _nowhere
    connects: Callable[[str, int], str | None] = connects
    _more: dict[str, dict[str, Answer | Silence]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _locks: dict[str, threading.Lock] = field(default_factory=dict, init=False)

    @property
    def look(self) -> Look:
        """The last one."""
        return self.looks[-1]

    @property
    def answering(self) -> tuple[Testimony, ...]:
        """Those who said anything of the cluster."""
        return tuple(said for said in self.look if isinstance(said.cluster, ClusterView))

    @property
    def outsiders(self) -> dict[str, str]:
        """By host, who answers and is none of the others' peers: `removed`, or `apart`."""
        return {host: kind for host in self.look.views if (kind := _outside(self.look, host))}

    @property
    def members(self) -> Hearing:
        """The same without the outsiders: what is wrong with those says nothing of the rest."""
        out = self.outsiders
        if not out:
            return self
        looks = tuple(
            Look(tuple(said for said in each if said.peer.host not in out)) for each in self.looks
        )
        peers = tuple(peer for peer in self.peers if peer.host not in out)
        return replace(self, peers=peers, looks=looks)

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """Whom each peer reached, in the last look."""
        hosts = {plain(peer.uri): peer.host for peer in self.peers}
        found = []
        for (by, path), said in sorted(self.answers.items()):
            if not path.startswith("/cluster/telemetry") or by not in self.look.views:
                continue
            result = said.result if isinstance(said, Answer) else None
            cluster = (result or {}).get("cluster") or {}
            for id_, one in (cluster.get("peers") or {}).items():
                host = hosts.get(plain(str(one.get("uri", ""))), "")
                responsive = bool(one.get("responsive"))
                found.append(Sighting(by, str(id_), host, responsive, one.get("details") or {}))
        return tuple(found)

    def reasons(self, *kinds: Kind) -> list[Reason]:
        """What speaks against the cluster, of these kinds, in every look; as the last one says."""
        each = [[reason for reason in against(seen) if reason.kind in kinds] for seen in self.looks]
        return each[-1] if all(each) else []

    def each(self, path: str) -> dict[str, Answer | Silence]:
        """What everybody who answers says to a further question; each question is put once."""
        with self._lock:
            lock = self._locks.setdefault(path, threading.Lock())
        with lock:
            if path not in self._more:
                peers = [said.peer for said in self.answering]
                self._more[path] = in_parallel(lambda peer: self.asks.ask(peer, "GET", path), peers)
        return self._more[path]

    def collection(self, name: str, rest: str = "") -> dict[str, Any]:
        """By host, the `result` of `GET /collections/NAME` of the last look, where there is one."""
        path = f"/collections/{quote(name, safe='')}{rest}"
        return {
            host: said.result
            for (host, asked), said in sorted(self.answers.items())
            if asked == path and isinstance(said, Answer) and isinstance(said.result, dict)
        }

    def agreed(
        self,
        reasons: Collection[Reason],
        says: str,
        evidence: Collection[str] = (),
        verdict: Callable[..., Finding] = failed,
    ) -> Finding:
        """Whether something is so: no reason against it, and enough who say so."""
        if reasons:
            return verdict(told(reasons), "", *evidence)
        views = len(self.look.views)
        if views < min(WITNESSES, len(self.peers)):
            return unknown(f"only {views} of {len(self.peers)} peers answer", "", *evidence)
        return passed(says, "", *evidence)


def hear(
    asks: Asks,
    peers: tuple[Peer, ...],
    wanted: Wanted,
    door: Callable[[Peer, str | None], Answer | Silence],
    pause: float = _PAUSE,
    is_lost: Callable[[str], bool] = _nowhere,
) -> Hearing:
    """Asks all peers, and once more where it may pass by itself.

    Args:
        pause: between two looks, seconds.
        is_lost: see `Hearing`.
    """
    hasty = Hasty(asks)
    looks: list[Look] = []
    for _ in range(_LOOKS):
        if looks:
            time.sleep(pause)
        noted = Noted(hasty)
        began = time.monotonic()
        looks.append(look(noted, peers))
        if not against(looks[-1]) or time.monotonic() - began > _QUICK:
            break
    return Hearing(wanted, peers, hasty, tuple(looks), noted.answers, door, pause, is_lost)


def against(seen: Look) -> list[Reason]:
    """All that one look has against a cluster."""
    return [*against_consensus(seen), *against_replicas(seen), *against_counts(seen)]


def own_collections(hearing: Hearing) -> Iterator[str]:
    """The collections that anybody knows, without the one of the probing writes."""
    yield from (name for name in hearing.look.collections if name != PROBE)


def _outside(seen: Look, host: str) -> str:
    """What a peer is that none of the others lists by its id; empty for one of them."""
    view = seen.views[host]
    others = {name: other for name, other in seen.views.items() if name != host}
    if not others or any(view.id in other.peers for other in others.values()):
        return ""
    if view.thread != WORKING or not view.voter:
        return "removed"
    if not _follow_each_other(others):
        return ""
    if any(other.id in view.peers for other in others.values()):
        return "removed"  # it was down meanwhile, and believes in the cluster as it was
    return "apart"


def _follow_each_other(views: Mapping[str, ClusterView]) -> bool:
    """Whether these are the cluster: they list one another, or one that lists more than itself."""
    if len(views) == 1:
        return len(next(iter(views.values())).peers) > 1
    ids = {view.id for view in views.values()}
    return any(len(ids & set(view.peers)) > 1 for view in views.values())
