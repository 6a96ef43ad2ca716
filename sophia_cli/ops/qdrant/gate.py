"""The gate: the cluster is shown to be whole, or it is said who says what against it.

`/readyz` is no part of it. What is asked for: one cluster of all wanted peers that could lose one
more, every replica active in every peer's view, a write of our own back from every replica, and all
of that agreed three times in a row.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.qdrant.asks import Asks, Peer
from sophia_cli.ops.qdrant.audit import differing
from sophia_cli.ops.qdrant.consensus import against_consensus
from sophia_cli.ops.qdrant.judgement import Kind, Reason, told
from sophia_cli.ops.qdrant.probe import probe
from sophia_cli.ops.qdrant.replicas import against_counts, against_replicas
from sophia_cli.ops.qdrant.witnesses import Look, look

_ROUNDS = 3
# While points are being written counts are read a moment apart: then the ids are compared.
_LOOKS_AT_COUNTS = 5
# The weightiest first: its hint is the one that is given.
_HINTS = {
    Kind.STRANGER: "remove it from the cluster, or give its host the role qdrant",
    Kind.OTHER_ID: "stop it, remove the old id from the cluster, empty its storage, deploy again",
    Kind.NO_VOTER: "unless it joins just now: stop it, empty its storage, deploy again",
    Kind.STOPPED: "restart it; a peer that stops again holds an entry that cannot be applied",
    Kind.OFF: "its configuration lacks `cluster.enabled: true`: `sophia deploy qdrant`",
    Kind.SILENT: "start it, or look at its log: `docker logs sophia-qdrant` on its host",
    Kind.UNRESPONSIVE: "look whether its host lets the others reach the peers' port",
    Kind.SENDING: "look whether its host lets the others reach the peers' port",
    Kind.MISSING: "it runs apart from the others: stop it, empty its storage, deploy again",
    Kind.QUORUM: "bring the missing peers back first, and send no operation meanwhile",
    Kind.PROBE: "look at the log and the disk of the peer that failed",
    Kind.COUNT: "`sophia repair` writes again what a replica lacks",
    Kind.FACTOR: "replicate the shards to the peer that lacks them",
}
_HINT = "`sophia doctor` looks at every peer"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the gate waits for what takes a while.

    Attributes:
        total: seconds. What waiting does not mend ends it at once.
        pause: between two looks, seconds.
    """

    total: float = 120.0
    pause: float = 0.3


def prove(asks: Asks, peers: Sequence[Peer], shards: int, patience: Patience) -> str:
    """Waits until the cluster of these peers is whole; what was shown, in one line.

    Args:
        peers: those that must be there, and no others.
        shards: of the collections.

    Raises:
        GateFailed: it did not become whole; says which peer said what.
    """
    deadline = time.monotonic() + patience.total
    agreed = probed = 0
    while True:
        seen = look(asks, peers)
        reasons = against_consensus(seen) + against_replicas(seen)
        if not reasons and not probed:
            reasons = probe(asks, peers, seen, shards)
            probed = not reasons
            if probed:
                continue
        if reasons:
            agreed = 0
            if any(reason.lasting for reason in reasons) or time.monotonic() >= deadline:
                raise failed(reasons)
        else:
            agreed += 1
            if agreed >= _ROUNDS:
                break
        time.sleep(patience.pause)
    return f"{_shown(seen)}; {_counted(asks, peers, seen, patience)}"


def failed(reasons: Sequence[Reason]) -> GateFailed:
    """The gate's error: who says what, and the next step for the weightiest of it."""
    kinds = {reason.kind for reason in reasons}
    hint = next((hint for kind, hint in _HINTS.items() if kind in kinds), _HINT)
    return GateFailed(f"qdrant: {told(reasons)}", hint)


def _counted(asks: Asks, peers: Sequence[Peer], seen: Look, patience: Patience) -> str:
    """Sees that the replicas hold the same; how, in words.

    Raises:
        GateFailed: one of them lacks points.
    """
    for _ in range(_LOOKS_AT_COUNTS):
        reasons = against_counts(seen)
        if not reasons:
            return "replica counts agree"
        time.sleep(patience.pause)
        seen = look(asks, peers)
    lacking = differing(asks, peers, seen, patience.pause)
    if lacking:
        raise failed([*(each.reason for each in lacking), *reasons])
    return "replicas are being written to and hold the same ids"


def _shown(seen: Look) -> str:
    views = seen.views
    leader = next((seen.host_of(view.leader) for view in views.values() if view.leader), "nobody")
    peers = f"{len(views)} peers" if len(views) > 1 else "one peer"
    spare = "" if len(views) > 2 else ", none to spare"
    collections = len(seen.collections)
    return (
        f"{peers} of {' and '.join(seen.versions)}{spare}, leader {leader}, term "
        f"{next(iter(views.values())).term}; every replica of {collections} "
        f"collection{'s' * (collections != 1)} active {_ROUNDS} times in a row; "
        "a write read back from every replica"
    )
