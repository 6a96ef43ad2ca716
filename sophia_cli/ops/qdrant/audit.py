"""Comparing replicas by their points: nothing in Qdrant notices a point that one of them lacks.

A peer answers from its own replica, and scrolls in the order of ids: so two peers' lists of ids of
one collection must be the same. What differs is asked for again before it counts: points come and
go meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from sophia_cli.errors import Unreachable
from sophia_cli.ops.qdrant.asks import Asks, Peer, Silence, in_parallel
from sophia_cli.ops.qdrant.judgement import Kind, Reason
from sophia_cli.ops.qdrant.replicas import counts_that_differ
from sophia_cli.ops.qdrant.witnesses import Look, look

Id = int | str

_PAGE = 5000
_READ_TIMEOUT = 30.0
# A collection up to this size is read whole; of a larger one, what is as new as the change.
_WHOLE = 1_000_000
# Ids are made by several clocks: this much older ones are looked at as well.
_MARGIN = timedelta(minutes=10)
_EXAMPLES = 3
_TIMES_ASKED_AGAIN = 2


@dataclass(frozen=True, slots=True)
class Lacking:
    """Points that the replicas of one host lack and those of another have.

    Attributes:
        shards: where the numbers of points differ; empty where they do not, or nobody knows.
    """

    host: str
    has: str
    collection: str
    ids: tuple[Id, ...]
    shards: tuple[int, ...] = ()

    @property
    def reason(self) -> Reason:
        """For people: who lacks how many, where, and some of them."""
        shards = f" (shard {', '.join(map(str, self.shards))})" if self.shards else ""
        examples = ", ".join(map(str, self.ids[:_EXAMPLES]))
        more = ", ..." if len(self.ids) > _EXAMPLES else ""
        return Reason(
            Kind.COUNT,
            f"{self.host} lacks {len(self.ids)} points of {self.collection}{shards} that "
            f"{self.has} has: {examples}{more}",
        )


def audit(
    asks: Asks, peers: Sequence[Peer], host: str, since: datetime | None, pause: float = 0.5
) -> tuple[list[Lacking], int]:
    """Compares the replicas of one host with those of each other, both ways.

    Args:
        since: when its change began; None looks at everything, of large collections too.
        pause: before what differs is asked for again, seconds.

    Returns:
        What is missing, and how many points were compared.

    Raises:
        Unreachable: a peer did not answer.
    """
    seen = look(asks, peers)
    changed = next(peer for peer in peers if peer.host == host)
    pairs = [(changed, other) for other in peers if other.host != host]
    compared = 0
    found: list[Lacking] = []
    for name in seen.collections:
        start = _start(seen, name, since)
        listed = in_parallel(lambda peer, n=name, s=start: set(_ids(asks, peer, n, s)), peers)  # type: ignore[misc]
        compared += len(listed[host])
        found.extend(_lacking(asks, seen, name, pairs, listed, pause))
    return found, compared


def differing(asks: Asks, peers: Sequence[Peer], seen: Look, pause: float) -> list[Lacking]:
    """Compares all peers where their numbers of points differ.

    Raises:
        Unreachable: a peer did not answer.
    """
    found: list[Lacking] = []
    for name in sorted({name for name, _ in counts_that_differ(seen)}):
        listed = in_parallel(lambda peer, n=name: set(_ids(asks, peer, n, None)), peers)  # type: ignore[misc]
        pairs = [(peers[0], other) for other in peers[1:]]
        found.extend(_lacking(asks, seen, name, pairs, listed, pause))
    return found


def _lacking(
    asks: Asks,
    seen: Look,
    name: str,
    pairs: Sequence[tuple[Peer, Peer]],
    listed: dict[str, set[Id]],
    pause: float,
) -> Iterator[Lacking]:
    for one, other in pairs:
        for lacks, has in ((one, other), (other, one)):
            ids = listed[has.host] - listed[lacks.host]
            for _ in range(_TIMES_ASKED_AGAIN):
                if not ids:
                    break
                time.sleep(pause)
                ids = _present(asks, has, name, ids) - _present(asks, lacks, name, ids)
            if ids:
                ordered = tuple(sorted(ids, key=str))
                yield Lacking(lacks.host, has.host, name, ordered, _shards(seen, name, lacks, has))


def _shards(seen: Look, name: str, lacks: Peer, has: Peer) -> tuple[int, ...]:
    return tuple(
        shard
        for (collection, shard), held in sorted(counts_that_differ(seen).items())
        if collection == name and held.get(lacks.host, 0) < held.get(has.host, 0)
    )


def _start(seen: Look, name: str, since: datetime | None) -> str | None:
    """The id to begin with: None for the first one."""
    if since is None:
        return None
    counts = [
        sum(view.replicas.counts.values())
        for said in seen
        if not isinstance(said.collections, Silence)
        for view in (said.collections.get(name),)
        if view is not None
    ]
    if max(counts, default=0) <= _WHOLE:
        return None
    # An id of version 7 begins with its time, in milliseconds.
    moment = format(int((since - _MARGIN).timestamp() * 1000), "012x")
    return f"{moment[:8]}-{moment[8:]}-7000-8000-000000000000"


def _ids(asks: Asks, peer: Peer, name: str, start: Id | None) -> Iterator[Id]:
    offset = start
    while True:
        body = {"limit": _PAGE, "with_payload": False, "with_vector": False, "offset": offset}
        answer = asks.ask(peer, "POST", f"{_path(name)}/points/scroll", body, _READ_TIMEOUT)
        if isinstance(answer, Silence) or not isinstance(answer.result, dict):
            raise _unread(peer, name, answer)
        yield from (point["id"] for point in answer.result["points"])
        offset = answer.result.get("next_page_offset")
        if offset is None:
            return


def _present(asks: Asks, peer: Peer, name: str, ids: set[Id]) -> set[Id]:
    found: set[Id] = set()
    wanted = sorted(ids, key=str)
    for start in range(0, len(wanted), _PAGE):
        body = {
            "ids": wanted[start : start + _PAGE],
            "with_payload": False,
            "with_vector": False,
        }
        answer = asks.ask(peer, "POST", f"{_path(name)}/points", body, _READ_TIMEOUT)
        if isinstance(answer, Silence) or not isinstance(answer.result, list):
            raise _unread(peer, name, answer)
        found.update(point["id"] for point in answer.result)
    return found


def _path(name: str) -> str:
    return f"/collections/{quote(name, safe='')}"


def _unread(peer: Peer, name: str, answer: object) -> Unreachable:
    said = answer.reason if isinstance(answer, Silence) else getattr(answer, "error", "")
    return Unreachable(
        f"qdrant: {peer.host} does not show its points of {name}: {said}",
        "`sophia doctor` looks at every peer",
    )
