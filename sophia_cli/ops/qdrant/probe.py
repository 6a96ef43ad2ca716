"""A write and a read of our own: through every peer, to every shard, back from every replica.

The probing points live in a collection of their own, `sophia_probe`, which has as many shards as
the others, a replica of each on every peer, and wants every replica to confirm: so nothing of
anybody's is touched and no count of theirs moves. It stays; its ids are the same each time. A
collection of users is probed with the deletion of ids that nobody has: that goes through the log of
every replica, like any write, and changes nothing. Whoever cannot take it is marked dead by it.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from sophia_cli.ops.qdrant.answers import Unreadable, replicas_view
from sophia_cli.ops.qdrant.asks import Answer, Asks, Peer, Silence, in_parallel
from sophia_cli.ops.qdrant.judgement import Kind, Reason
from sophia_cli.ops.qdrant.operation import Outcome, carry_out, outcome_of
from sophia_cli.ops.qdrant.witnesses import PROBE, Look

# A frozen replica costs the peer that was asked 9.5 s before it goes on without.
_WRITE_TIMEOUT = 30.0
_CREATE_TIMEOUT = 30
# Ids a shard: that none of 16 falls into one of 3 shards happens once in 10^8.
_IDS = 16
_MOST_SHARDS = 16
_PATH = f"/collections/{PROBE}"


def probe(asks: Asks, peers: Sequence[Peer], look: Look, shards: int) -> list[Reason]:
    """Writes and reads; what did not come back, as reasons.

    Args:
        look: proves the quorum, and names the collections.
        shards: of the collections.

    Raises:
        GateFailed: the collection for it cannot be created.
    """
    shards = min(shards, _MOST_SHARDS)
    _prepare(asks, peers, shards)
    nonce = secrets.token_hex(8)
    ids = {
        peer.host: [place * _IDS * shards + number for number in range(_IDS * shards)]
        for place, peer in enumerate(peers)
    }
    reasons = [
        reason
        for found in in_parallel(
            lambda peer: _written(asks, peer, ids[peer.host], nonce), peers
        ).values()
        for reason in found
    ]
    if reasons:
        return reasons
    read = in_parallel(lambda peer: list(_read_back(asks, peer, ids, nonce, shards)), peers)
    reasons = [reason for found in read.values() for reason in found]
    for name in look.collections:
        reasons.extend(_deleted_nothing(asks, peers[0], name, _absent(shards)))
    return reasons


def _prepare(asks: Asks, peers: Sequence[Peer], shards: int) -> None:
    """Sees to the collection: there, with a replica of every shard on every peer."""
    first = peers[0]
    fits = _fits(asks.ask(first, "GET", f"{_PATH}/cluster"), shards, len(peers))
    if fits:
        return
    if fits is False:
        carry_out(
            f"drop the outgrown collection {PROBE}",
            lambda: asks.ask(
                first,
                "DELETE",
                f"{_PATH}?timeout={_CREATE_TIMEOUT}",
                timeout=_CREATE_TIMEOUT + 5.0,
            ),
            lambda: all(in_parallel(lambda peer: _gone(asks, peer), peers).values()),
            _CREATE_TIMEOUT,
        )
    carry_out(
        f"create the collection {PROBE}",
        lambda: asks.ask(
            first,
            "PUT",
            f"{_PATH}?timeout={_CREATE_TIMEOUT}",
            _wanted(shards, len(peers)),
            _CREATE_TIMEOUT + 5.0,
        ),
        lambda: all(
            in_parallel(
                lambda peer: _fits(asks.ask(peer, "GET", f"{_PATH}/cluster"), shards, len(peers)),
                peers,
            ).values()
        ),
        _CREATE_TIMEOUT,
    )


def _wanted(shards: int, peers: int) -> dict[str, Any]:
    return {
        "vectors": {"size": 4, "distance": "Dot"},
        "shard_number": shards,
        "replication_factor": peers,
        "write_consistency_factor": peers,
        # The log is made at its full size, per shard and replica: 32 MB would be wasted on this.
        "wal_config": {"wal_capacity_mb": 1},
    }


def _fits(answer: Answer | Silence, shards: int, peers: int) -> bool | None:
    """Whether the collection is as it should be; None where there is none, or nobody tells."""
    if isinstance(answer, Silence) or answer.status != 200:
        return None
    try:
        states = replicas_view(answer.result).states
    except Unreadable:
        return None
    return len(states) == shards * peers


def _gone(asks: Asks, peer: Peer) -> bool:
    answer = asks.ask(peer, "GET", _PATH)
    return isinstance(answer, Answer) and answer.status == 404


def _written(asks: Asks, peer: Peer, ids: Sequence[int], nonce: str) -> Iterator[Reason]:
    points = [{"id": id_, "vector": [1.0, 0.0, 0.0, 0.0], "payload": {"at": nonce}} for id_ in ids]
    answer = asks.ask(peer, "PUT", f"{_PATH}/points?wait=true", {"points": points}, _WRITE_TIMEOUT)
    if outcome_of(answer) is not Outcome.DONE:
        yield Reason(Kind.PROBE, f"a probing write through {peer.host} failed: {_said(answer)}")


def _read_back(
    asks: Asks, peer: Peer, ids: dict[str, list[int]], nonce: str, shards: int
) -> Iterator[Reason]:
    """Looks for the points that were written through each peer in the replicas of this one."""
    for writer, wanted in ids.items():
        body = {"ids": wanted, "with_payload": True, "with_vector": False}
        answer = asks.ask(peer, "POST", f"{_PATH}/points", body)
        if isinstance(answer, Silence) or not isinstance(answer.result, list):
            yield Reason(
                Kind.PROBE, f"probing points are not read from {peer.host}: {_said(answer)}"
            )
            return
        held = {
            point["id"]
            for point in answer.result
            if (point.get("payload") or {}).get("at") == nonce
        }
        if lacking := len(set(wanted) - held):
            yield Reason(
                Kind.PROBE,
                f"{peer.host} lacks {lacking} of {len(wanted)} probing points that were written "
                f"through {writer}",
            )
    answer = asks.ask(peer, "GET", f"{_PATH}/cluster")
    counts = replicas_view(answer.result).counts if isinstance(answer, Answer) else {}
    if empty := shards - sum(count > 0 for count in counts.values()):
        yield Reason(Kind.PROBE, f"{peer.host}: {empty} shards have no probing point")


def _deleted_nothing(asks: Asks, peer: Peer, name: str, absent: list[str]) -> Iterator[Reason]:
    answer = asks.ask(
        peer,
        "POST",
        f"/collections/{quote(name, safe='')}/points/delete?wait=true",
        {"points": absent},
        _WRITE_TIMEOUT,
    )
    if outcome_of(answer) is not Outcome.DONE:
        yield Reason(Kind.PROBE, f"a write to {name} through {peer.host} failed: {_said(answer)}")


def _absent(shards: int) -> list[str]:
    """Ids that no memory has: theirs are of version 7, these of version 5."""
    return [
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{PROBE} {number}")) for number in range(_IDS * shards)
    ]


def _said(answer: Answer | Silence) -> str:
    return answer.reason if isinstance(answer, Silence) else answer.error
