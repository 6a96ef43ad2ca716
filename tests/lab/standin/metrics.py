"""`/metrics`: the recorded names, kinds and words (`metrics.txt`) with this peer's values."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import VERSION
from .cluster_state import ACTIVE, Collection
from .configs import dense_of
from .counts import BUCKETS, Counts
from .telemetry import MEASURES, measured, memory

if TYPE_CHECKING:
    from .peer import Peer

_FORMAT = Path(__file__).with_name("metrics.txt")
# Requests for these alone are counted in the metrics.
_SCRAPED = tuple(f"/collections/{{collection_name}}/{one}" for one in ("points", "index", "facet"))
Sample = tuple[str, object]


def metrics(peer: Peer, counts: Counts) -> bytes:
    """The text that Prometheus scrapes. What has no sample is left out, as there."""
    with peer.consensus.changed:
        collections = dict(peer.consensus.state.collections)
    samples: dict[str, list[Sample]] = {"app_info": [(f'{{name="qdrant",version="{VERSION}"}}', 1)]}
    samples["app_status_recovery_mode"] = [("", 0)]
    samples |= _of_collections(peer, collections) | _of_cluster(peer) | _of_requests(counts)
    samples |= _of_process()
    lines: list[str] = []
    for row in _FORMAT.read_text().splitlines():
        name, kind, description = row.split(" ", 2)
        if not samples.get(name):
            continue
        lines += [f"# HELP {name} {description}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{labels} {value}" for labels, value in samples[name]]
    return ("\n".join(lines) + "\n").encode()


def _of_collections(peer: Peer, collections: dict[str, Collection]) -> dict[str, list[Sample]]:
    points = {
        name: sum(shard.info().points_count for shard in peer.local.of(name).values())
        for name in collections
    }
    vectors = {
        name: [*dense_of(one.config), *(one.config["params"].get("sparse_vectors") or {})]
        for name, one in collections.items()
    }
    states = [
        list(replicas.values())
        for one in collections.values()
        for replicas in one.replicas.values()
    ]
    active = [sum(state == ACTIVE for state in replicas) for replicas in states]
    me = peer.consensus.id

    def moving(name: str, incoming: bool) -> int:
        ends = [one.target if incoming else one.source for one in collections[name].transfers]
        return sum(end == me for end in ends)

    def each(values: dict[str, int]) -> list[Sample]:
        return [(f'{{id="{name}"}}', value) for name, value in values.items()]

    none = dict.fromkeys(collections, 0)
    used = dict.fromkeys(measured(peer, collections), 0)
    return {
        "collections_total": [("", len(collections))],
        "collections_vector_total": [
            ("", sum(points[name] * len(vectors[name]) for name in points))
        ],
        "collection_vectors": [
            (f'{{collection="{name}",vector="{vector}"}}', points[name])
            for name in collections
            for vector in vectors[name]
        ],
        "collection_indexed_only_excluded_points": [
            (f'{{id="{name}",vector="{vector}"}}', 0)
            for name, one in collections.items()
            for vector in dense_of(one.config)
        ],
        "collection_active_replicas_min": [("", min(active, default=0))],
        "collection_active_replicas_max": [("", max(active, default=0))],
        "collection_running_optimizations": each(none),
        "collection_points": each(points),
        "collection_dead_replicas": [("", sum(len(replicas) for replicas in states) - sum(active))],
        "snapshot_creation_running": each(none),
        "snapshot_recovery_running": each(none),
        "snapshot_created_total": each(none | peer.snapshots_made),
        "collection_shard_transfer_incoming": each({name: moving(name, True) for name in none}),
        "collection_shard_transfer_outgoing": each({name: moving(name, False) for name in none}),
        "collection_update_queue_length": each(none),
        "collection_update_queue_deferred_points": each(none),
        **{f"collection_hardware_metric_{measure}": each(used) for measure in MEASURES},
    }


def _of_cluster(peer: Peer) -> dict[str, list[Sample]]:
    raft = peer.consensus
    samples: dict[str, list[Sample]] = {"cluster_enabled": [("", int(raft.enabled))]}
    if not raft.enabled:
        return samples
    with raft.changed:
        samples |= {
            "cluster_peers_total": [("", len(raft.state.peers))],
            "cluster_term": [("", raft.store.term)],
            "cluster_commit": [(f'{{peer_id="{raft.id}"}}', raft.store.commit)],
            "cluster_pending_operations_total": [("", raft.pending)],
            "cluster_voter": [("", int(raft.is_voter))],
            "cluster_working_state": [
                ('{state="working"}', int(raft.working)),
                ('{state="stopped"}', int(not raft.working)),
            ],
        }
        if raft.working:
            seconds = raft.updated_at
            samples["cluster_last_update_timestamp_seconds"] = [("", int(seconds))]
    return samples


def _of_requests(counts: Counts) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {}
    for method, endpoint, status, times in counts.listed():
        if not endpoint.startswith(_SCRAPED):
            continue
        inside = f'method="{method}",endpoint="{endpoint}",status="{status}"'
        labels = f"{{{inside}}}"
        told: dict[str, float] = {"total": len(times)}
        if status == 200:
            told |= {
                "avg_duration_seconds": sum(times) / len(times),
                "min_duration_seconds": min(times),
                "max_duration_seconds": max(times),
            }
        for name, value in told.items():
            samples.setdefault(f"rest_responses_{name}", []).append((labels, value))
        if status == 200:
            histogram = samples.setdefault("rest_responses_duration_seconds", [])
            histogram += _histogram(inside, times)
    return samples


def _histogram(inside: str, times: list[float]) -> list[Sample]:
    """The labels come after the name, so a bucket's suffix stands before them."""
    lines: list[Sample] = [
        (f'_bucket{{{inside},le="{bound:g}"}}', sum(one <= bound for one in times))
        for bound in BUCKETS
    ]
    return [
        *lines,
        (f'_bucket{{{inside},le="+Inf"}}', len(times)),
        (f"_sum{{{inside}}}", sum(times)),
        (f"_count{{{inside}}}", len(times)),
    ]


def _of_process() -> dict[str, list[Sample]]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    proc = Path("/proc/self")
    values: dict[str, object] = {
        "process_threads": len([*(proc / "task").iterdir()]),
        "process_open_mmaps": (proc / "maps").read_text().count("\n"),
        "system_max_mmaps": int(Path("/proc/sys/vm/max_map_count").read_text()),
        "process_open_fds": len([*(proc / "fd").iterdir()]),
        "process_max_fds": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "process_minor_page_faults_total": usage.ru_minflt,
        "process_major_page_faults_total": usage.ru_majflt,
    }
    values |= {f"memory_{name}": value for name, value in memory().items()}
    return {name: [("", value)] for name, value in values.items()}
