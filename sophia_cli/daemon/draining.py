"""Peers that are drained: what the records say of them is what every process does.

A drain is a row in the records. Each process that has the vectors open looks at it twice a second,
asks those peers no more, and says back which of them it has no call at any more. So a drain holds
for all processes of all machines, and for those that start later.
"""

from __future__ import annotations

import getpass
import os
import socket
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sophia_cli.errors import NotFound, Refused, SophiaError, TierDown
from sophia_cli.logs.events import log
from sophia_cli.memory.ports import Vectors
from sophia_cli.memory.service import MemoryService
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.drains import DrainedPeer

if TYPE_CHECKING:
    from sophia_cli.tiers.vectors.server import ServerVectors

EVERY = 0.5
"""Seconds between two looks."""
FOLLOWED_WITHIN = 2.0
"""Seconds within which every process that is alive follows."""
_POLL = 0.1
# One attempt of a write may take that long before its client gives it up, and then some.
_LONGEST_CALL = 60.0


@dataclass(frozen=True, slots=True)
class Drained:
    """What became of a drain, here and elsewhere.

    Attributes:
        url: the peer.
        process: what this process is called.
        others: the other processes that follow and have no call at it any more.
        busy: those that follow and have calls at it still.
    """

    url: str
    process: str
    others: tuple[str, ...]
    busy: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeerState:
    """One peer as this process sees it.

    Attributes:
        calls: on their way through it from this process.
        left_out: whether it failed lately, and is asked only when nobody else is left.
        drained: since when and by whom, if it is.
        followers: the processes that do not ask it, this one among them.
    """

    url: str
    calls: int
    left_out: bool
    drained: DrainedPeer | None
    followers: tuple[str, ...]


class Following(threading.Thread):
    """Keeps to the records' drains while the service is open; at the start before anybody asks.

    While the records are down, what they said last holds.
    """

    def __init__(self, records: Records, vectors: ServerVectors) -> None:
        super().__init__(name="drains", daemon=True)
        self._records = records
        self._vectors = vectors
        self._process = _process()
        self._ended = threading.Event()
        self._known = False
        follow(records, vectors)

    def run(self) -> None:
        """Looks until `stop`."""
        said = ""
        while not self._ended.wait(EVERY):
            try:
                self._look()
                said = ""
            except SophiaError as error:
                if error.message != said:
                    tier = error.tier if isinstance(error, TierDown) else None
                    log.warning("drains are not followed", code=error.code, tier=tier)
                said = error.message
            except Exception:
                log.exception("drains are not followed")

    def stop(self) -> None:
        """Ends the thread, and takes this process's name back."""
        self._ended.set()
        if self.is_alive():
            self.join(timeout=30.0)
        if self._known:
            self._records.drains.leaves(self._process)

    def _look(self) -> None:
        drained = follow(self._records, self._vectors)
        if drained:
            traffic = self._vectors.peers.traffic
            self._known = True
            self._records.drains.follows(
                self._process, [url for url in drained if not traffic.calls(url)]
            )
        elif self._known:
            self._records.drains.leaves(self._process)
            self._known = False


def follow(records: Records, vectors: ServerVectors) -> list[str]:
    """Does now as the records say; returns the peers that are drained."""
    drained: list[str] = []

    def read() -> list[str]:
        drained.extend(peer.url for peer in records.drains.all())
        return drained

    vectors.follow(read)
    return drained


def peers_of(vectors: Vectors) -> ServerVectors:
    """The vectors, where they have peers.

    Raises:
        Refused: they are in this machine's own process.
    """
    served: Any = vectors
    if not hasattr(served, "peers"):
        raise Refused(
            "the vectors are in the resident process itself: there are no peers",
            "this is for profile cluster, or vectors.engine server",
        )
    found: ServerVectors = served
    return found


def drain(
    service: MemoryService, url: str, now: datetime, *, even_last: bool = False, by: str = ""
) -> Drained:
    """Has every process stop asking a peer; returns once this one has no call at it any more.

    Args:
        url: the peer, as `peer_url` writes it.
        even_last: also when no peer is left then: searches fail, and what is stored is owed.
        by: who wants it; without it, this user.

    Raises:
        NotFound: it is none of `vectors.urls`.
        Refused: there are no peers, or none would be left.
        TierDown: the records are down; or this process still has calls at the peer after a minute,
            it stays drained.
    """
    vectors = peers_of(service.vectors)
    _check_known(vectors, url)
    drained = {peer.url for peer in service.records.drains.all()} | {url}
    if not even_last and drained.issuperset(vectors.peers.urls):
        raise Refused(
            f"{url} is the last peer that is not drained",
            "sophia vectors resume takes one back; --even-last drains it all the same",
        )
    service.records.drains.add(DrainedPeer(url, now, by or _who()))
    told = time.monotonic()
    follow(service.records, vectors)
    if not vectors.peers.traffic.idle(url, _LONGEST_CALL):
        raise TierDown(
            "vectors",
            f"{url} is drained, and this process still has calls at it after {_LONGEST_CALL:g} s",
            "sophia vectors status shows them; run it again",
        )
    return _followed(service, url, told + FOLLOWED_WITHIN)


def resume(service: MemoryService, url: str) -> bool:
    """Takes a peer back, in every process within two seconds; returns whether it was drained.

    Raises:
        NotFound: it is none of `vectors.urls`, and was not drained.
        Refused: there are no peers.
        TierDown: the records are down.
    """
    vectors = peers_of(service.vectors)
    was = service.records.drains.remove(url)
    if not was:
        _check_known(vectors, url)
    follow(service.records, vectors)
    return was


def states(service: MemoryService) -> list[PeerState]:
    """Every peer, and who leaves it alone.

    Raises:
        Refused, TierDown: see `resume`.
    """
    vectors = peers_of(service.vectors)
    peers, drains = vectors.peers, service.records.drains
    drained = {peer.url: peer for peer in drains.all()}
    return [
        PeerState(
            url,
            peers.traffic.calls(url),
            url in peers.rested,
            drained.get(url),
            tuple(name for name, idle in drains.followers(url).items() if idle)
            if url in drained
            else (),
        )
        for url in dict.fromkeys((*peers.urls, *drained))
    ]


def _followed(service: MemoryService, url: str, until: float) -> Drained:
    """Waits as long as every process has to follow; longer only for calls that are on their way."""
    latest = until + _LONGEST_CALL
    while True:
        found = service.records.drains.followers(url)
        found.pop(_process(), None)
        busy = tuple(name for name, idle in found.items() if not idle)
        now = time.monotonic()
        if now >= latest or (now >= until and not busy):
            idle_ones = tuple(name for name, idle in found.items() if idle)
            return Drained(url, _process(), idle_ones, busy)
        time.sleep(_POLL)


def _check_known(vectors: ServerVectors, url: str) -> None:
    if url not in vectors.peers.urls:
        raise NotFound(
            f"{url} is none of the peers", f"vectors.urls has {', '.join(vectors.peers.urls)}"
        )


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _process() -> str:
    """What this process is called among those of all machines."""
    return f"{socket.gethostname()}:{os.getpid()}"
