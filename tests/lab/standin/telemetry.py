"""`/telemetry`: the recorded form at the levels 0, 1, 2 to 9 and 10."""

from __future__ import annotations

import os
import resource
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .arguments import VERSION
from .cluster_state import Collection
from .configs import dense_of
from .counts import Counts
from .failures import now_ms

if TYPE_CHECKING:
    from .peer import Peer
    from .shard import LocalShard

Json = Any
_APP: Json = {
    "features": {
        "debug": False,
        "service_debug_feature": False,
        "recovery_mode": False,
        "gpu": False,
        "rocksdb": False,
        "staging": False,
    },
    "runtime_features": {
        "all": False,
        "incremental_hnsw_building": True,
        "appendable_quantization": True,
        "single_file_mmap_vector_storage": False,
    },
    "low_memory_mode": "disabled",
    "hnsw_global_config": {"healing_threshold": 0.3},
}
_FEW, _MORE, _ALL = 1, 2, 10
_ID = str(uuid.uuid4())
MEASURES = (
    "cpu",
    "payload_io_read",
    "payload_io_write",
    "payload_index_io_read",
    "payload_index_io_write",
    "vector_io_read",
    "vector_io_write",
)


def telemetry(peer: Peer, counts: Counts, level: int) -> Json:
    """What a peer tells of itself."""
    with peer.consensus.changed:
        collections = dict(peer.consensus.state.collections)
    app: Json = {"name": "qdrant", "version": VERSION}
    if peer.settings.get("service.jwt_rbac"):
        app["jwt_rbac"] = True
    shown: Json = {
        "id": _ID,
        "app": app | ({**_APP, "system": _system()} if level >= _FEW else {}),
        "collections": {"number_of_collections": len(collections)},
        "cluster": _cluster(peer, level),
        "requests": {
            "rest": {"responses": counts.telemetry(level >= _FEW)},
            "grpc": {"responses": {}},
        },
    }
    app = shown["app"]
    app["startup"] = peer.started[:-7] + "Z"
    if level >= _FEW:
        shown["collections"] |= {
            "collections": [_collection(peer, one, level) for one in collections.values()],
            "snapshots": [_snapshots(peer, name) for name in collections if level >= _MORE],
        }
        shown["memory"] = memory()
        shown["hardware"] = {
            "collection_data": {
                name: dict.fromkeys(MEASURES, 0) for name in measured(peer, collections)
            }
        }
        shown["search_pool"] = {"mode": "high_io", "high_cpu_threads": 2, "high_io_threads": 8}
    return shown


def measured(peer: Peer, names: Iterable[str]) -> list[str]:
    """The collections that were written to or searched: of the others there are no measures."""
    return [
        name
        for name in names
        if any(shard.op_num or shard.searches.any for shard in peer.local.of(name).values())
    ]


def memory() -> Json:
    """Bytes, as the process has them."""
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return {
        "active_bytes": resident,
        "allocated_bytes": resident,
        "metadata_bytes": 0,
        "resident_bytes": resident,
        "retained_bytes": 0,
    }


def _system() -> Json:
    status = os.statvfs("/")
    return {
        "distribution": "debian",
        "distribution_version": "12",
        "is_docker": True,
        "cores": os.cpu_count(),
        "ram_size": (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) >> 10,
        "disk_size": (status.f_blocks * status.f_frsize) >> 10,
        "cpu_flags": "sse,sse2,avx,avx2,fma,f16c",
        "cpu_endian": "little",
    }


def _cluster(peer: Peer, level: int) -> Json:
    raft = peer.consensus
    shown: Json = {"enabled": raft.enabled}
    if level >= _MORE:
        if raft.enabled:
            with raft.changed:
                shown["status"] = {
                    "number_of_peers": len(raft.state.peers),
                    "term": raft.store.term,
                    "commit": raft.store.commit,
                    "pending_operations": raft.pending,
                    "role": raft.role,
                    "is_voter": raft.is_voter,
                    "peer_id": raft.id,
                    "consensus_thread_status": raft.thread_status(raft.last_update),
                }
        shown["config"] = {
            "grpc_timeout_ms": 60000,
            "p2p": {"connection_pool_size": 2},
            "consensus": {
                "max_message_queue_size": 100,
                "tick_period_ms": peer.settings.get("cluster.consensus.tick_period_ms"),
                "bootstrap_timeout_sec": peer.settings.get(
                    "cluster.consensus.bootstrap_timeout_sec"
                ),
            },
        }
        if raft.enabled:
            with raft.changed:
                peers = dict(raft.state.peers)
            shown["peers"] = {str(one): {"uri": known.uri} for one, known in peers.items()}
            shown["peer_metadata"] = {
                str(one): {"version": known.version}
                for one, known in peers.items()
                if known.version
            }
    shown["resharding_enabled"] = False
    return shown


def _collection(peer: Peer, found: Collection, level: int) -> Json:
    own = peer.local.of(found.name)
    names = [*dense_of(found.config), *(found.config["params"].get("sparse_vectors") or {})]
    if level < _MORE:
        points = sum(shard.info().points_count for shard in own.values())
        return {
            "vectors": points * len(names),
            "optimizers_status": "ok",
            "params": found.config["params"],
        }
    return {
        "id": found.name,
        "init_time_ms": 30,
        "config": found.config | {"uuid": found.uuid if peer.consensus.enabled else None},
        "shards": [
            {
                "id": shard,
                "key": None,
                "local": _local(own[shard], found, names, level) if shard in own else None,
                "remote": [_remote(shard, one) for one in states if one != peer.consensus.id],
                "replicate_states": {str(one): state for one, state in states.items()},
                "partial_snapshot": {
                    "ongoing_create_snapshot_requests": 0,
                    "is_recovering": False,
                    "recovery_timestamp": 0,
                },
            }
            for shard, states in found.replicas.items()
        ],
        "transfers": [],
        "resharding": [],
    }


def _local(shard: LocalShard, found: Collection, names: list[str], level: int) -> Json:
    info = shard.info()
    points = info.points_count
    size = sum(one["size"] * 4 for one in dense_of(found.config).values()) * points
    shown: Json = {
        "variant_name": "local shard",
        "status": "green",
        "total_optimized_points": 0,
        "vectors_size_bytes": size,
        "payloads_size_bytes": size,
        "num_points": points,
        "num_vectors": points * len(names),
        "num_vectors_by_name": dict.fromkeys(names, points),
        "optimizations": {
            "status": "ok",
            "optimizations": {"count": 0, "total_duration_micros": 0, "last_responded": now_ms()},
        },
        "async_scorer": False,
        "update_queue": {"length": 0, "op_num": shard.op_num},
    }
    if level >= _ALL:
        shown["segments"] = [_segment(shard, found, points, size)]
        shown["optimizations"]["log"] = []
        shown["indexed_only_excluded_vectors"] = dict.fromkeys(dense_of(found.config), 0)
    return shown


def _segment(shard: LocalShard, found: Collection, points: int, size: int) -> Json:
    dense = dense_of(found.config)
    sparse = found.config["params"].get("sparse_vectors") or {}
    each = {"num_vectors": points, "num_indexed_vectors": 0, "num_deleted_vectors": 0}
    config: Json = {
        "vector_data": {
            name: {
                "size": one["size"],
                "distance": one["distance"],
                "storage_type": "InRamChunkedMmap",
                "index": {"type": "plain", "options": {}},
                "quantization_config": None,
            }
            for name, one in dense.items()
        }
    }
    if sparse:
        index = {"full_scan_threshold": None, "index_type": "MutableRam"}
        config["sparse_vector_data"] = {
            name: {"index": index, "storage_type": "mmap"} | (one or {})
            for name, one in sparse.items()
        }
    schema = {
        field: {"data_type": one["type"], "points": points}
        | ({} if one.get("plain") else {"params": one})
        for field, one in found.indexes.items()
    }
    return {
        "info": {
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, found.uuid)),
            "segment_type": "plain",
            "num_vectors": points * (len(dense) + len(sparse)),
            "num_points": points,
            "num_deferred_points": 0,
            "num_deleted_deferred_points": 0,
            "num_indexed_vectors": 0,
            "num_deleted_vectors": 0,
            "vectors_size_bytes": size,
            "payloads_size_bytes": size,
            "ram_usage_bytes": 0,
            "disk_usage_bytes": 0,
            "is_appendable": True,
            "index_schema": schema,
            "vector_data": {name: dict(each) for name in [*dense, *sparse]},
        },
        "config": config | {"payload_storage_type": {"type": "mmap"}},
        "vector_index_searches": [
            {"index_name": name}
            | shard.searches.shown("unfiltered_plain" if name in dense else "unfiltered_sparse")
            for name in [*dense, *(sparse if shard.searches.any else ())]
        ],
        "payload_field_indices": [
            {
                "field_name": field,
                "index_type": f"mutable_{one['type']}",
                "points_values_count": points,
                "points_count": points,
            }
            for field, one in found.indexes.items()
        ],
    }


def _remote(shard: int, peer: int) -> Json:
    nothing = {"count": 0, "total_duration_micros": 0, "last_responded": now_ms()}
    return {
        "shard_id": shard,
        "peer_id": peer,
        "searches": dict(nothing),
        "updates": {"count": 0, "fail_count": 0} | nothing,
    }


def _snapshots(peer: Peer, name: str) -> Json:
    return {
        "id": name,
        "running_snapshots": 0,
        "running_snapshot_recovery": 0,
        "total_snapshot_creations": peer.snapshots_made.get(name, 0),
    }
