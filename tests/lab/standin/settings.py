"""The server's configuration: defaults, files and environment merged as the real one merges them.

Unknown keys are ignored in silence, as there; what stops the real server stops this one with the
same words.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .refusals import StartFailure

Json = Any

DEFAULTS: dict[str, Json] = {
    "log_level": "INFO",
    "storage": {
        "storage_path": "./storage",
        "snapshots_path": "./snapshots",
        "temp_path": None,
        "on_disk_payload": True,
        "wal": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
        "performance": {"max_search_threads": 0, "optimizer_cpu_budget": 0},
        "optimizers": {
            "deleted_threshold": 0.2,
            "vacuum_min_vector_number": 1000,
            "default_segment_number": 0,
            "max_segment_size_kb": None,
            "indexing_threshold_kb": 10000,
            "flush_interval_sec": 5,
            "max_optimization_threads": None,
        },
        "hnsw_index": {
            "m": 16,
            "ef_construct": 100,
            "full_scan_threshold_kb": 10000,
            "max_indexing_threads": 0,
            "on_disk": False,
        },
        "collection": {
            "replication_factor": 1,
            "write_consistency_factor": 1,
            "shard_number_per_node": 1,
        },
    },
    "service": {
        "host": "0.0.0.0",  # noqa: S104 - the server's own default
        "http_port": 6333,
        "grpc_port": 6334,
        "enable_cors": True,
        "enable_tls": False,
        "max_request_size_mb": 32,
        "jwt_rbac": False,
        "enforce_internal_auth": False,
    },
    "cluster": {
        "enabled": False,
        "p2p": {"port": 6335, "enable_tls": False},
        "consensus": {"tick_period_ms": 100, "bootstrap_timeout_sec": 15},
    },
    "tls": {"cert": "./tls/cert.pem", "key": "./tls/key.pem", "ca_cert": "./tls/cacert.pem"},
}
# The YAML name and the one without `_kb` are one field: with the default there, it is given twice.
_TWICE = {
    "storage.optimizers": ("max_segment_size", "indexing_threshold"),
    "storage.hnsw_index": ("full_scan_threshold",),
}
_NUMBERS = ("service.http_port", "service.grpc_port", "cluster.p2p.port")
_SWITCHES = (
    "service.enable_tls",
    "service.enforce_internal_auth",
    "cluster.enabled",
    "cluster.p2p.enable_tls",
)


class Settings:
    """The merged configuration; `get("service.http_port")` reads from it."""

    def __init__(self, merged: dict[str, Json]) -> None:
        self.merged = merged

    def get(self, path: str) -> Json:
        """The value at a dotted path; None where there is none."""
        return _at(self.merged, path)

    @property
    def storage(self) -> Path:
        return Path(self.get("storage.storage_path"))

    @property
    def snapshots(self) -> Path:
        return Path(self.get("storage.snapshots_path"))


def load(config_path: str | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Defaults, `config/config`, `config/$RUN_MODE`, `config/local`, `--config-path`, environment.

    Raises:
        StartFailure: what the real server refuses: YAML that is none, a field given twice, a value
            of the wrong type.
    """
    merged = copy.deepcopy(DEFAULTS)
    mode = environment.get("RUN_MODE", "development")
    for name in ("config", mode, "local"):
        _merge_file(merged, Path("config") / f"{name}.yaml")
    if config_path is not None:
        chosen = Path(config_path)
        _merge_file(merged, chosen if chosen.suffix else chosen.with_suffix(".yaml"))
    for name, value in environment.items():
        prefix, *keys = name.split("__")
        if prefix == "QDRANT" and keys:
            _put(merged, [key.lower() for key in keys], _scalar(value))
    _check(merged)
    return Settings(merged)


def _merge_file(merged: dict[str, Json], path: Path) -> None:
    try:
        text = path.read_text()
    except OSError:
        return
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise StartFailure(1, f"Error: {line} in {path}") from error
    if isinstance(given, dict):
        _merge(merged, given)


def _merge(into: dict[str, Json], given: dict[str, Json]) -> None:
    for key, value in given.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif value is not None or key not in into:
            into[key] = value


def _put(into: dict[str, Json], keys: list[str], value: Json) -> None:
    for key in keys[:-1]:
        if not isinstance(into.get(key), dict):
            into[key] = {}
        into = into[key]
    into[keys[-1]] = value


def _scalar(text: str) -> Json:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _check(merged: dict[str, Json]) -> None:
    for section, fields in _TWICE.items():
        for field in fields:
            if field in (_at(merged, section) or {}):
                raise StartFailure(1, f"Error: duplicate field `{field}` for key `{section}`")
    for path in _NUMBERS:
        value = _at(merged, path)
        if not isinstance(value, int) or isinstance(value, bool):
            raise StartFailure(1, _wrong_type(value, "an integer", path))
    for path in _SWITCHES:
        value = _at(merged, path)
        if not isinstance(value, bool):
            raise StartFailure(1, _wrong_type(value, "a boolean", path))


def _wrong_type(value: Json, wanted: str, path: str) -> str:
    kind = "string" if isinstance(value, str) else type(value).__name__
    return f'Error: invalid type: {kind} "{value}", expected {wanted} for key `{path}`'


def _at(merged: Json, path: str) -> Json:
    for key in path.split("."):
        if not isinstance(merged, dict) or key not in merged:
            return None
        merged = merged[key]
    return merged
