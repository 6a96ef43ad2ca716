"""What doctor must find in every recorded situation: a table.

`SITUATIONS`: recorded answers that belong together, and every check that then fails, warns or does
not know; all others pass, or do not apply. `ORDERS`: answers to what a look never sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sophia_cli.ops.qdrant.asks import Silence
from tests.ops.qdrant.recorded import DEAD, FROZEN
from tests.ops.qdrant.verdicts import OUTCOMES

Alarms = dict[str, str]
FAIL, WARN, UNKNOWN = "fail", "warn", "unknown"

OF_HOSTS = ("QD-30", "QD-33", "QD-34", "QD-36")
"""Checks that ask the hosts: no recording of a peer says anything about them."""

_THREE: Mapping[str, Silence] = {"node3": DEAD}
_LATE: Mapping[str, Silence] = {"node3": FROZEN}
# The ids of the peers that most situations were recorded of.
_FIRST = {"node2": 6858193704091290, "node3": 915172240165533}
_SECOND = {"node2": 7440725231306641, "node3": 1309113380371693}
_ONE_GONE: Alarms = {"QD-01": FAIL, "QD-14": FAIL, "QD-16": WARN}
# Of all that wants a second witness, one peer alone proves nothing.
_ALONE: Alarms = {
    "QD-01": FAIL,
    "QD-14": FAIL,
    "QD-16": FAIL,
    **dict.fromkeys(("QD-05", "QD-06", "QD-07", "QD-08", "QD-09", "QD-10"), UNKNOWN),
    **dict.fromkeys(("QD-11", "QD-12", "QD-13", "QD-17", "QD-18", "QD-19", "QD-21"), UNKNOWN),
}


@dataclass(frozen=True)
class Situation:
    """Recorded files of `cluster`, how the rest of the peers is, and what must be found.

    Attributes:
        words: what some finding must say.
        others: see `DoctorsRecorded`.
    """

    files: tuple[str, ...]
    alarms: Alarms = field(default_factory=dict)
    words: str = ""
    silent: Mapping[str, Silence] = field(default_factory=dict)
    peers: int = 3
    factor: int = 3
    known: Mapping[str, int] = field(default_factory=dict)
    apart: Sequence[str] = ()
    like: Mapping[str, str] = field(default_factory=dict)
    mended: bool = False
    version: str = "1.18.3"


SITUATIONS: dict[str, Situation] = {
    "healthy": Situation(
        (
            "healthy-cluster-from-1",
            "healthy-cluster-from-2",
            "healthy-cluster-from-3",
            "healthy-collection-cluster-from-1",
            "healthy-collection-cluster-from-2",
            "healthy-collection-cluster-from-3",
            "healthy-collection",
            "healthy-metrics",
            "healthy-readyz",
            "healthy-telemetry",
        )
    ),
    "all reached": Situation(("cluster-telemetry",)),
    "a snapshot on one peer alone": Situation(
        ("snapshots-of-1", "snapshots-of-2"), {"QD-35": WARN}, "it has none, though others have"
    ),
    "snapshots gone after a full one": Situation(("snapshots-after-full",)),
    "factor changed later": Situation(("after-raise-factor",), factor=2, known=_FIRST),
    "more replicas wanted than peers": Situation(
        ("factor-too-high-cluster",),
        {"QD-19": FAIL},
        "five shard 0 is there 3 times, 5 wanted",
        factor=5,
        known=_FIRST,
    ),
    "peer killed, 0.3 s ago": Situation(
        ("dead-peer-cluster-after-0.3s",),
        _ONE_GONE,
        "it does not answer: Connection refused",
        _THREE,
    ),
    "peer killed, 2 s ago": Situation(("dead-peer-cluster-after-2s",), _ONE_GONE, "", _THREE),
    "peer killed, 10 s ago": Situation(
        ("dead-peer-cluster-after-10s", "dead-peer-cluster-telemetry"),
        _ONE_GONE,
        "node1 and node2 cannot reach node3",
        _THREE,
    ),
    "peer killed, nothing written since": Situation(
        ("dead-peer-collection-before-write",), _ONE_GONE, "", _THREE, known=_FIRST
    ),
    "peer killed, one shard written": Situation(
        (
            "dead-peer-collection-after-write",
            "dead-peer-collection-info",
            "dead-peer-issues",
            "dead-peer-metrics",
            "dead-peer-readyz",
        ),
        _ONE_GONE | {"QD-18": FAIL, "QD-22": FAIL},
        "coding shard 1 is Dead on",
        _THREE,
        known=_FIRST,
    ),
    "peer killed, all shards written": Situation(
        ("dead-peer-all-shards-dead",), _ONE_GONE | {"QD-18": FAIL}, "", _THREE, known=_FIRST
    ),
    "peer returns": Situation(
        ("transferring-collection",),
        {"QD-18": FAIL, "QD-20": WARN},
        "coding shard 0 from node2 to node3 is under way",
        known=_FIRST,
    ),
    "peer returned": Situation(("returning-collection-from-3", "returned-readyz")),
    "no quorum": Situation(
        (
            "no-quorum-cluster",
            "no-quorum-collection-cluster",
            "no-quorum-collections",
            "no-quorum-metrics",
            "no-quorum-readyz",
        ),
        _ALONE,
        "no quorum: 1 of 3 listed peers vote",
        {"node2": DEAD, "node3": DEAD},
    ),
    "no quorum, later": Situation(
        ("no-quorum-cluster-later", "no-quorum-cluster-telemetry"),
        _ALONE,
        "node1 cannot reach node2",
        {"node2": DEAD, "node3": DEAD},
    ),
    "peer frozen for 1 s": Situation(("frozen-cluster-after-1s",), _ONE_GONE, "", _LATE),
    "peer frozen for 5 s": Situation(
        ("frozen-cluster-after-5s",), _ONE_GONE, "no answer within", _LATE
    ),
    "peer frozen for 10 s": Situation(("frozen-cluster-after-10s",), _ONE_GONE, "", _LATE),
    "peer frozen, the others' replicas": Situation(
        ("frozen-cluster-after-10s", "frozen-collection"),
        _ONE_GONE | {"QD-18": FAIL},
        "coding shard 1 is Dead on",
        _LATE,
    ),
    "peer frozen, after a write": Situation(
        ("frozen-cluster-after-10s", "frozen-collection-after-write"),
        _ONE_GONE | {"QD-18": FAIL},
        "",
        _LATE,
    ),
    "leader cut off": Situation(
        (
            "leader-cut-cluster-from-majority",
            "leader-cut-cluster-from-old-leader",
            "leader-cut-collection",
        ),
        {"QD-08": FAIL, "QD-09": FAIL, "QD-14": FAIL, "QD-16": WARN, "QD-18": FAIL},
        "node1 calls itself leader, and is not followed",
        like={"node3": "node2"},
    ),
    "leader removed": Situation(
        (
            "after-remove-cluster-from-1",
            "removed-peer-own-view",
            "removed-peer-readyz",
            "after-force-remove",
        ),
        {"QD-05": FAIL, "QD-06": FAIL, "QD-08": FAIL, "QD-16": FAIL, "QD-19": FAIL},
        "node1 follows peer 1309113380371693, which it does not list",
        known=_SECOND,
        apart=("node3",),
    ),
    "peer removed, the others later": Situation(
        ("after-removed-restart-from-1", "removed-peer-restarted", "after-force-remove"),
        {"QD-05": FAIL, "QD-06": FAIL, "QD-19": FAIL},
        "node3 answers, and was removed from the cluster",
        known=_SECOND,
        apart=("node3",),
    ),
    "peer joined empty": Situation(
        ("joined-empty-cluster", "joined-empty-collection"),
        {"QD-19": FAIL},
        "coding shards 0, 1, 2 are there 2 times, 3 wanted",
        mended=True,
    ),
    "shards being replicated": Situation(
        ("joined-empty-cluster", "replicating"),
        {"QD-18": FAIL, "QD-19": FAIL},
        "coding shard 0 from node1 to node3 has been under way for 0 s",
        mended=True,
    ),
    "peer without its volume turned away": Situation(
        ("lost-volume-rejoin-cluster",), _ONE_GONE, "", _THREE
    ),
    "second cluster": Situation(
        ("second-cluster-from-1", "second-cluster-own-view"),
        {"QD-05": FAIL, "QD-07": FAIL, "QD-16": WARN},
        "node3 is a cluster of its own",
        known={"node3": 8441141341998080},
        apart=("node3",),
    ),
    "rejoined, still empty": Situation(
        ("after-rejoin", "after-force-remove"), {"QD-19": FAIL}, "are there 2 times, 3 wanted"
    ),
    "a peer that nobody asked for": Situation(
        ("no-uri-cluster",),
        {"QD-05": FAIL, "QD-16": WARN},
        "node1 lists peer 1396731676754019 at http://192.0.2.14:6335, which nobody asked for",
    ),
    "a peer without the key": Situation(
        ("rogue-peer-cluster",),
        {"QD-05": FAIL, "QD-16": WARN},
        "which nobody asked for",
        peers=2,
        factor=2,
    ),
    "the peer without the key turned away": Situation(
        ("enforced-internal-auth-cluster",), peers=2, factor=2
    ),
    # No peer says a word of it: only its host knows, see QD-30.
    "disk full": Situation(
        (
            "disk-full-collection-from-1",
            "disk-full-collection-from-3",
            "disk-full-healthz-3",
            "disk-full-issues-3",
            "disk-full-readyz-3",
        )
    ),
    "consensus stopped": Situation(
        (
            "consensus-stopped-cluster",
            "consensus-stopped-metrics",
            "consensus-stopped-readyz",
            "consensus-stopped-telemetry",
        ),
        {"QD-12": FAIL, "QD-13": WARN, "QD-16": FAIL, "QD-22": FAIL},
        "that of node1 has stopped (Failed to handle committed entries)",
    ),
    "consensus stopped, asked again": Situation(
        ("consensus-stopped-seen-from-another",),
        {"QD-12": FAIL, "QD-13": WARN, "QD-16": FAIL},
    ),
    "replicas differ": Situation(
        (
            "diverged-collection-cluster-from-1",
            "diverged-collection-cluster-from-2",
            "diverged-collection-cluster-from-3",
            "diverged-collection",
            "diverged-issues",
            "diverged-readyz",
        ),
        {"QD-21": FAIL},
        "shards 1, 2: node3 3 fewer",
    ),
    "alone after a restart": Situation(
        ("alone-after-restart-cluster",),
        _ALONE | {"QD-08": FAIL},
        "node2 knows no leader",
        {"node1": DEAD, "node3": DEAD},
    ),
    "removed while it was down": Situation(
        (
            "timed-out-later-cluster",
            "timed-out-removed-peer-view",
            "timed-out-later-collection-cluster",
        ),
        {"QD-05": FAIL, "QD-06": FAIL, "QD-19": FAIL},
        "node3 answers, and was removed from the cluster",
        known={"node3": 5775858347773819},
        apart=("node3",),
    ),
    "a collection created though the order timed out": Situation(("timed-out-later-collections",)),
    "one peer upgraded": Situation(
        ("mixed-versions-cluster", "mixed-versions-telemetry", "mixed-versions-root-3"),
        {"QD-04": WARN},
        "1.18.3 and 1.19.0: an upgrade is under way",
    ),
    "all peers upgraded": Situation(
        (
            "v1.19.0-cluster",
            "v1.19.0-telemetry",
            "v1.19.0-collection-cluster",
            "v1.19.0-collection",
            "v1.19.0-metrics",
        ),
        version="1.19.0",
    ),
}

_READS = (
    "dead-peer-query",
    "dead-peer-read-all-consistency",
    "dead-peer-read-majority",
    "disk-full-query-at-3",
    "diverged-ids-from-1",
    "diverged-ids-from-2",
    "diverged-ids-from-3",
    "no-quorum-query",
    "timed-out-count-on-survivor",
)
_SNAPSHOTS = ("dead-peer-snapshot", "full-snapshot-in-cluster", "snapshot", "snapshot-again")

ORDERS: dict[str, str] = {
    **dict.fromkeys(OUTCOMES, "an order, or a write: a look changes nothing"),
    **dict.fromkeys(_SNAPSHOTS, "it makes a snapshot: a look changes nothing"),
    **dict.fromkeys(_READS, "reads points: the checks of replicas against the records do that"),
}
"""Recordings of `cluster` that are answers to what these checks never ask, and why."""

SINGLE_ASKED = (
    "cluster-disabled",
    "collection",
    "collection-cluster",
    "healthz",
    "issues-empty",
    "livez",
    "metrics",
    "readyz",
    "root",
    "snapshots",
    "telemetry-3",
)
"""Recordings of `single` that are answers to what these checks ask one server."""

SINGLE_VARIANTS: dict[str, str] = {
    "collections-empty": "/collections",
    "issues": "/issues",
    "telemetry-0": "/telemetry",
    "telemetry-1": "/telemetry",
    "telemetry-10": "/telemetry",
    "unknown-path": "/readyz",
}
"""Recordings of `single` that take the place of another answer: at which path."""

SINGLE_ALARMS: dict[str, Alarms] = {
    "collections-empty": {},
    "issues": {},
    # Without the details, its memory is not known.
    "telemetry-0": {"QD-28": UNKNOWN},
    "telemetry-1": {},
    "telemetry-10": {},
    # A server so old that it does not know the question.
    "unknown-path": {"QD-03": WARN},
}

SINGLE_ORDERS = (
    *("alias", "aliases", "bad-json", "by-alias", "collection-missing", "collections", "count"),
    *("create", "create-again", "create-bad-field", "create-unknown-field", "defer-indexing"),
    *("delete", "facet", "facet-no-index", "full-snapshot", "full-snapshots", "index-post"),
    *("index-tenant", "optimizations", "optimizations-completed", "query-bm25", "query-dbsf"),
    *("query-dense", "query-external-model", "query-formula", "query-mmr", "query-rrf"),
    *("query-rrf-weighted", "query-unnamed", "retrieve-missing", "scroll", "snapshot-create"),
    *("strict-filter-refused", "strict-limit-refused", "strict-on", "upsert-bad-id"),
    *("upsert-bm25", "upsert-wrong-dim", "upsert-wrong-name", "wake"),
)
"""Recordings of `single` that are orders, writes, searches, or questions that nobody asks here."""

DOORS: dict[str, tuple[bool, str]] = {
    "none-collections": (False, "pass"),
    "wrong-collections": (True, "pass"),
    "bearer-garbage": (True, "pass"),
    # What a server without a key says to everybody is what one with a key says to its owner.
    "admin-key-collections": (False, FAIL),
    "next-key-collections": (True, FAIL),
    "read-key-collections": (True, FAIL),
    "bearer": (True, FAIL),
    "read-key-create": (True, "pass"),
    "wrong-cluster": (True, "pass"),
    "wrong-create": (True, "pass"),
    "wrong-metrics": (True, "pass"),
    "wrong-telemetry": (True, "pass"),
    "none-metrics": (False, "pass"),
    "none-telemetry": (False, "pass"),
}
"""Recordings of `auth` as an answer at the door: whether to a wrong key, else to none; verdict."""

OWN_KEY = (
    *("admin-key-cluster", "admin-key-metrics", "admin-key-telemetry"),
    *("next-key-cluster", "next-key-metrics", "next-key-telemetry"),
    *("read-key-cluster", "read-key-metrics", "read-key-telemetry"),
)
"""Recordings of `auth` that are answers to who has a key: those that these checks ask for."""

OPEN_TO_ALL = ("none-healthz", "none-readyz", "none-root")
"""Recordings of `auth` that are answers to anybody: they prove nothing about the door."""

AUTH_ORDERS = ("admin-key-create", "next-key-create")
"""Recordings of `auth` that are orders which were carried out."""
