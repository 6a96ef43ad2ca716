"""What must come of every recorded situation: a table.

`GATE`: files that belong together, laid over a healthy cluster, and the kinds that the gate must
name. `OUTCOMES`: answers to an order or a write, and what they prove. `PROVES_NOTHING`: answers
that say that all is well, or that a search works, whatever is the case: no gate looks at them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sophia_cli.ops.qdrant.asks import Silence
from sophia_cli.ops.qdrant.judgement import Kind
from sophia_cli.ops.qdrant.operation import Outcome
from tests.ops.qdrant.recorded import DEAD, FROZEN, recording


@dataclass(frozen=True)
class Situation:
    """Recorded files and the kinds that speak against them; none where the gate must open."""

    files: tuple[str, ...]
    against: frozenset[Kind] = frozenset()
    words: str = ""
    silent: dict[str, Silence] = field(default_factory=dict)
    peers: int = 3
    factor: int = 3
    held: dict[str, list[int]] = field(default_factory=dict)


def _ids(*names: str) -> dict[str, list[int]]:
    """The ids that recorded peers answered with, by host."""
    files = [recording(name) for name in names]
    return {each.host: [point["id"] for point in each.answer.result] for each in files}


def _of(*kinds: Kind) -> frozenset[Kind]:
    return frozenset(kinds)


_THREE = {"node3": DEAD}

GATE: dict[str, Situation] = {
    "healthy": Situation(
        (
            "healthy-cluster-from-1",
            "healthy-cluster-from-2",
            "healthy-cluster-from-3",
            "healthy-collection-cluster-from-1",
            "healthy-collection-cluster-from-2",
            "healthy-collection-cluster-from-3",
            "healthy-collection",
        )
    ),
    "all reached": Situation(("cluster-telemetry",)),
    # The factor was changed later, which does nothing: the replicas are the healthy ones.
    "factor changed later": Situation(("after-raise-factor",), factor=2),
    "more replicas wanted than peers": Situation(
        ("factor-too-high-cluster",),
        _of(Kind.FACTOR),
        "five shard 0 is there 3 times, 5 wanted",
        factor=5,
    ),
    "peer killed, 0.3 s ago": Situation(
        ("dead-peer-cluster-after-0.3s",),
        _of(Kind.SENDING, Kind.SILENT, Kind.QUORUM),
        "node3 does not answer: Connection refused",
        _THREE,
    ),
    "peer killed, 2 s ago": Situation(
        ("dead-peer-cluster-after-2s",), _of(Kind.SENDING, Kind.SILENT), "", _THREE
    ),
    "peer killed, 10 s ago": Situation(
        ("dead-peer-cluster-after-10s",), _of(Kind.SENDING, Kind.SILENT), "", _THREE
    ),
    "a peer's word alone that another is gone": Situation(
        ("dead-peer-cluster-after-10s",),
        _of(Kind.SENDING),
        "node1 cannot send to node3: Failed to connect to http://192.0.2.13:6335/",
    ),
    "not reached by one": Situation(
        ("dead-peer-cluster-telemetry",), _of(Kind.UNRESPONSIVE), "node1: node3 is not responsive"
    ),
    "peer killed, nothing written since": Situation(
        ("dead-peer-collection-before-write",), _of(Kind.SILENT, Kind.QUORUM), "", _THREE
    ),
    "peer killed, one shard written": Situation(
        ("dead-peer-collection-after-write",),
        _of(Kind.REPLICA),
        "node1: coding shard 1 is Dead on ",
        _THREE,
    ),
    "peer killed, all shards written": Situation(
        ("dead-peer-all-shards-dead",), _of(Kind.REPLICA), "", _THREE
    ),
    "peer returns": Situation(
        ("transferring-collection",), _of(Kind.REPLICA, Kind.TRANSFER), "is Recovery on "
    ),
    "peer returned": Situation(("returning-collection-from-3",)),
    "no quorum": Situation(
        ("no-quorum-cluster", "no-quorum-collection-cluster", "no-quorum-collections"),
        _of(Kind.SILENT, Kind.QUORUM, Kind.SENDING),
        "1 of 3 listed peers vote: no quorum",
        {"node2": DEAD, "node3": DEAD},
    ),
    "no quorum, later": Situation(
        ("no-quorum-cluster-later",),
        _of(Kind.SILENT, Kind.QUORUM),
        "",
        {"node2": DEAD, "node3": DEAD},
    ),
    "no quorum, seen by the last one": Situation(
        ("no-quorum-cluster-telemetry",), _of(Kind.UNRESPONSIVE), "node1: node2 is not responsive"
    ),
    "peer frozen for 1 s": Situation(
        ("frozen-cluster-after-1s",), _of(Kind.SILENT, Kind.QUORUM), "", {"node3": FROZEN}
    ),
    "peer frozen for 5 s": Situation(
        ("frozen-cluster-after-5s",),
        _of(Kind.SILENT, Kind.SENDING),
        "node3 does not answer: no answer within 5 s",
        {"node3": FROZEN},
    ),
    "peer frozen for 10 s": Situation(
        ("frozen-cluster-after-10s",), _of(Kind.SILENT, Kind.SENDING), "", {"node3": FROZEN}
    ),
    "peer frozen, the others' replicas": Situation(
        ("frozen-collection",), _of(Kind.REPLICA), "coding shard 1 is Dead on "
    ),
    "peer frozen, after a write": Situation(
        ("frozen-collection-after-write",), _of(Kind.REPLICA), "coding shard 1 is Dead on "
    ),
    "leader cut off, seen by the others": Situation(
        ("leader-cut-cluster-from-majority", "leader-cut-cluster-from-old-leader"),
        _of(Kind.LEADER, Kind.TERM, Kind.COMMIT, Kind.SENDING),
        "leader: node1 says node1, node2 says node3",
    ),
    "leader cut off, its replicas": Situation(
        ("leader-cut-collection",), _of(Kind.REPLICA), "node2: coding shards 0, 1 are Dead on "
    ),
    "peer removed": Situation(
        ("after-remove-cluster-from-1", "removed-peer-own-view"),
        _of(Kind.MISSING, Kind.STOPPED, Kind.NO_VOTER),
        "node1 does not list node3",
    ),
    "peer removed, the others later": Situation(
        ("after-removed-restart-from-1", "removed-peer-restarted"),
        _of(Kind.MISSING, Kind.STOPPED, Kind.LEADER),
        "node3: its consensus thread has stopped",
    ),
    "peer joined empty": Situation(
        ("joined-empty-cluster", "joined-empty-collection"),
        _of(Kind.FACTOR),
        "coding shards 0, 1, 2 are there 2 times, 3 wanted",
    ),
    "shards being replicated": Situation(
        ("replicating",), _of(Kind.TRANSFER, Kind.REPLICA), "is under way"
    ),
    "peer without its volume turned away": Situation(
        ("lost-volume-rejoin-cluster",), _of(Kind.SILENT), "node3 does not answer", _THREE
    ),
    "second cluster": Situation(
        ("second-cluster-from-1", "second-cluster-own-view"),
        _of(Kind.OTHER_ID, Kind.MISSING, Kind.LEADER),
        "node1 lists node3 as peer 8441141341998080, but it is 2889473252850519",
    ),
    "dead peer removed by force": Situation(
        ("after-force-remove",), _of(Kind.FACTOR), "are there 2 times, 3 wanted"
    ),
    "rejoined, still empty": Situation(
        ("after-rejoin", "after-force-remove"), _of(Kind.FACTOR), "are there 2 times, 3 wanted"
    ),
    "a peer that nobody asked for": Situation(
        ("no-uri-cluster",),
        _of(Kind.STRANGER),
        "node1 lists peer 1396731676754019 at http://192.0.2.14:6335, which nobody asked for",
    ),
    "a peer without the key": Situation(
        ("rogue-peer-cluster",), _of(Kind.STRANGER), "which nobody asked for", peers=2
    ),
    "the peer without the key turned away": Situation(
        ("enforced-internal-auth-cluster",), peers=2, factor=2
    ),
    "disk full": Situation(
        ("disk-full-collection-from-1", "disk-full-collection-from-3", "disk-full-write-at-3"),
        _of(Kind.PROBE),
        "No space left on device",
    ),
    "disk freed": Situation(("disk-freed-write-at-3",)),
    "consensus stopped": Situation(
        ("consensus-stopped-cluster",),
        _of(Kind.STOPPED, Kind.PENDING),
        "node1: its consensus thread has stopped (Failed to handle committed entries)",
    ),
    "consensus stopped, asked again": Situation(
        ("consensus-stopped-seen-from-another",), _of(Kind.STOPPED), "node1: its consensus thread"
    ),
    "consensus stopped, as peers reach each other": Situation(
        ("consensus-stopped-telemetry",),
        _of(Kind.UNRESPONSIVE),
        "has a consensus thread that stopped",
    ),
    "replicas differ": Situation(
        (
            "diverged-collection-cluster-from-1",
            "diverged-collection-cluster-from-2",
            "diverged-collection-cluster-from-3",
        ),
        _of(Kind.COUNT),
        "node3 lacks 3 points of coding (shard 1, 2) that node1 has: 500000, 500001, 500002; "
        "coding shard 1: node1 holds 1106 points, node2 holds 1106 points, node3 holds 1104 points",
        held=_ids("diverged-ids-from-1", "diverged-ids-from-2", "diverged-ids-from-3"),
    ),
    "alone after a restart": Situation(
        ("alone-after-restart-cluster",),
        _of(Kind.LEADER),
        "node2 knows no leader",
        {"node1": DEAD, "node3": DEAD},
    ),
    "removed while it was down": Situation(
        ("timed-out-later-cluster", "timed-out-removed-peer-view"),
        _of(Kind.MISSING, Kind.LEADER, Kind.TERM),
        "node3 knows no leader (Candidate)",
    ),
    "removed without its shards": Situation(
        ("timed-out-later-collection-cluster",), _of(Kind.FACTOR), "are there 2 times, 3 wanted"
    ),
    # A rolling upgrade goes through this one: the gate must open, and says which versions run.
    "one peer upgraded": Situation(
        ("mixed-versions-cluster", "mixed-versions-telemetry", "mixed-versions-root-3"),
        words="1.18.3 and 1.19.0",
    ),
    "all peers upgraded": Situation(
        ("v1.19.0-cluster", "v1.19.0-telemetry", "v1.19.0-collection-cluster", "v1.19.0-collection")
    ),
}

OUTCOMES: dict[str, Outcome] = {
    "alias-switch": Outcome.DONE,
    "aliases-before": Outcome.DONE,
    "consensus-stopped-create": Outcome.UNKNOWN,
    "create": Outcome.DONE,
    # Done, and yet not what was asked for: hence the look at it afterwards.
    "create-factor-too-high": Outcome.DONE,
    "dead-peer-create-collection": Outcome.DONE,
    "dead-peer-write": Outcome.DONE,
    # It stands on two of three replicas.
    "diverged-failed-write": Outcome.UNKNOWN,
    "drop-replica": Outcome.DONE,
    "force-remove-dead-peer": Outcome.DONE,
    "mixed-versions-create": Outcome.DONE,
    "mixed-versions-create-on-new": Outcome.DONE,
    "move-to-unknown": Outcome.REFUSED,
    "no-quorum-create": Outcome.UNKNOWN,
    "no-quorum-write": Outcome.UNKNOWN,
    "raise-factor": Outcome.DONE,
    "recover-bad-checksum": Outcome.REFUSED,
    "recover-missing": Outcome.REFUSED,
    "remove-empty-peer": Outcome.DONE,
    "remove-peer-with-shards": Outcome.REFUSED,
    "remove-unknown-peer": Outcome.DONE,
    "replicate-again": Outcome.DONE,
    "replicate-shard": Outcome.DONE,
    "timed-out-create": Outcome.UNKNOWN,
    "timed-out-force-remove": Outcome.UNKNOWN,
    "timed-out-write": Outcome.UNKNOWN,
    "disk-full-write-at-3": Outcome.UNKNOWN,
    "disk-freed-write-at-3": Outcome.DONE,
}

PROVES_NOTHING: dict[str, str] = {
    "consensus-stopped-metrics": "consensus stopped",
    "consensus-stopped-readyz": "consensus stopped",
    "dead-peer-collection-info": "peer killed, one shard written",
    "dead-peer-issues": "peer killed, one shard written",
    "dead-peer-metrics": "peer killed, one shard written",
    "dead-peer-query": "peer killed, one shard written",
    "dead-peer-read-all-consistency": "peer killed, one shard written",
    "dead-peer-read-majority": "peer killed, one shard written",
    "dead-peer-readyz": "peer killed, one shard written",
    "dead-peer-snapshot": "peer killed, one shard written",
    "disk-full-healthz-3": "disk full",
    "disk-full-issues-3": "disk full",
    "disk-full-query-at-3": "disk full",
    "disk-full-readyz-3": "disk full",
    "diverged-collection": "replicas differ",
    "diverged-ids-from-1": "replicas differ",
    "diverged-ids-from-2": "replicas differ",
    "diverged-ids-from-3": "replicas differ",
    "diverged-issues": "replicas differ",
    "diverged-readyz": "replicas differ",
    "full-snapshot-in-cluster": "healthy",
    "healthy-metrics": "healthy",
    "healthy-readyz": "healthy",
    "healthy-telemetry": "healthy",
    "no-quorum-metrics": "no quorum",
    "no-quorum-query": "no quorum",
    "no-quorum-readyz": "no quorum",
    "removed-peer-readyz": "peer removed",
    "returned-readyz": "peer returned",
    "snapshot": "healthy",
    "snapshot-again": "healthy",
    "snapshots-after-full": "healthy",
    "snapshots-of-1": "healthy",
    "snapshots-of-2": "healthy",
    "timed-out-count-on-survivor": "no quorum",
    "timed-out-later-collections": "removed while it was down",
    "v1.19.0-metrics": "all peers upgraded",
}
"""By file, the situation that it was recorded in: the gate's verdict there is the same with it."""
