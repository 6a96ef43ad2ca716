"""A collection's configuration as `GET /collections/x` shows it, from what it was created with.

Unknown fields are dropped in silence, as the server does.
"""

from __future__ import annotations

from typing import Any

from .refusals import bad_json
from .serde import without_nulls
from .settings import Settings

Json = Any
_DISTANCES = ("Cosine", "Euclid", "Dot", "Manhattan")
_VECTOR_FIELDS = (
    "size",
    "distance",
    "hnsw_config",
    "quantization_config",
    "on_disk",
    "datatype",
    "multivector_config",
)
_HNSW = ("m", "ef_construct", "full_scan_threshold", "max_indexing_threads", "on_disk", "payload_m")
_OPTIMIZERS = (
    "deleted_threshold",
    "vacuum_min_vector_number",
    "default_segment_number",
    "max_segment_size",
    "memmap_threshold",
    "indexing_threshold",
    "flush_interval_sec",
    "max_optimization_threads",
    "prevent_unoptimized",
)
_WAL = ("wal_capacity_mb", "wal_segments_ahead", "wal_retain_closed")
_STRICT = ("enabled", "max_query_limit", "unindexed_filtering_retrieve", "max_timeout")


def created(body: Json, settings: Settings, length: int, peers: int) -> Json:
    """The configuration of a new collection.

    Args:
        length: of the request's body, for the words of an error.
        peers: how many there are: a collection has one shard for each unless it says otherwise.

    Raises:
        Refusal: vectors that are none.
    """
    given = without_nulls(body)
    storage = settings.get("storage")
    params: Json = {}
    if "vectors" in given:
        params["vectors"] = _vectors(given["vectors"], length)
    params |= {
        "shard_number": given.get("shard_number", peers),
        "replication_factor": given.get(
            "replication_factor", storage["collection"]["replication_factor"]
        ),
        "write_consistency_factor": given.get(
            "write_consistency_factor", storage["collection"]["write_consistency_factor"]
        ),
        "on_disk_payload": given.get("on_disk_payload", storage["on_disk_payload"]),
    }
    if "sparse_vectors" in given:
        params["sparse_vectors"] = given["sparse_vectors"]
    hnsw, optimizers = storage["hnsw_index"], storage["optimizers"]
    config: Json = {
        "params": params,
        "hnsw_config": {
            "m": hnsw["m"],
            "ef_construct": hnsw["ef_construct"],
            "full_scan_threshold": hnsw["full_scan_threshold_kb"],
            "max_indexing_threads": hnsw["max_indexing_threads"],
            "on_disk": hnsw["on_disk"],
        }
        | _only(given.get("hnsw_config"), _HNSW),
        "optimizer_config": {
            name: optimizers.get(name, optimizers.get(f"{name}_kb")) for name in _OPTIMIZERS
        }
        | _only(given.get("optimizers_config"), _OPTIMIZERS),
        "wal_config": {
            "wal_capacity_mb": storage["wal"]["wal_capacity_mb"],
            "wal_segments_ahead": storage["wal"]["wal_segments_ahead"],
            "wal_retain_closed": 1,
        }
        | _only(given.get("wal_config"), _WAL),
        "quantization_config": given.get("quantization_config"),
    }
    if "strict_mode_config" in given:
        config["strict_mode_config"] = _only(given["strict_mode_config"], _STRICT)
    return config


def changed(body: Json) -> Json:
    """The sections of a configuration that a PATCH changes."""
    given = without_nulls(body)
    params = _only(
        given.get("params"), ("replication_factor", "write_consistency_factor", "on_disk_payload")
    )
    sections = {
        "params": params,
        "hnsw_config": _only(given.get("hnsw_config"), _HNSW),
        "optimizer_config": _only(given.get("optimizers_config"), _OPTIMIZERS),
        "strict_mode_config": _only(given.get("strict_mode_config"), _STRICT),
    }
    wanted = {name: changes for name, changes in sections.items() if changes}
    if "quantization_config" in given:
        wanted["quantization_config"] = given["quantization_config"]
    return wanted


def dense_of(config: Json) -> Json:
    """The dense vectors of a configuration by name; the unnamed one as the empty name."""
    vectors = config["params"].get("vectors") or {}
    return {"": vectors} if "size" in vectors else vectors


def _vectors(given: Json, length: int) -> Json:
    named = {"": given} if isinstance(given, dict) and "size" in given else given
    wrong = not isinstance(named, dict) or any(
        not isinstance(one, dict)
        or one.get("distance") not in _DISTANCES
        or not isinstance(one.get("size"), int)
        for one in named.values()
    )
    if wrong:
        raise bad_json(
            "data did not match any variant of untagged enum VectorsConfig "
            f"at line 1 column {length}"
        )
    kept = {name: _only(one, _VECTOR_FIELDS) for name, one in named.items()}
    return kept[""] if set(kept) == {""} and "size" in given else kept


def _only(given: Json, fields: tuple[str, ...]) -> Json:
    return {name: given[name] for name in fields if name in (given or {})}
