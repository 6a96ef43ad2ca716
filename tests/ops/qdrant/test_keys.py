"""A configuration is looked at before a server gets it: that one says nothing of a wrong key."""

from __future__ import annotations

from pathlib import Path

import pytest

from sophia_cli.ops.qdrant.keys import known_keys, notes, validate

GUIDE = Path(__file__).parent / "guide"


def test_the_guides_first_peer_is_refused_with_one_reason_for_each_wrong_key() -> None:
    found = validate((GUIDE / "first-peer.yaml").read_text())

    assert [finding.key for finding in found] == [
        "storage.storage_path",
        "storage.snapshots_path",
        "storage.wal.wal_capacity_mb",
        "storage.performance.max_optimization_threads",
        "storage.hnsw_index.full_scan_threshold",
        "storage.optimizers.max_segment_size",
        "storage.optimizers.indexing_threshold",
        "gpu.enabled",
        "gpu.device",
        "gpu.memory_limit",
    ]
    reasons = {finding.key: finding.reason for finding in found}
    assert len(set(reasons.values())) == len(reasons), "each has a reason of its own"
    assert "`gpu.indexing: true`" in reasons["gpu.enabled"]
    assert "`gpu.devices: [0]`" in reasons["gpu.device"]
    assert "stops the server" in reasons["storage.optimizers.max_segment_size"]
    assert "`optimizer_cpu_budget`" in reasons[
        "storage.performance.max_optimization_threads"
    ].replace("performance.", "")


def test_the_guides_replica_is_refused_with_one_reason_for_each_wrong_key() -> None:
    found = validate((GUIDE / "replica.yaml").read_text())

    assert [finding.key for finding in found] == [
        "cluster.consensus.bootstrap_uri",
        "storage.storage_path",
        "gpu.enabled",
        "gpu.device",
        "gpu.memory_limit",
    ]
    assert "`--bootstrap URI`" in found[0].reason
    assert found[0].line == 11


def test_the_guides_old_keys_work_and_are_noted() -> None:
    text = "storage:\n  on_disk_payload: true\n  hnsw_index:\n    on_disk: false\n"

    assert validate(text) == []
    assert [finding.key for finding in notes(text)] == [
        "storage.on_disk_payload",
        "storage.hnsw_index.on_disk",
    ]


@pytest.mark.parametrize(
    ("text", "key", "line", "reason"),
    [
        ("servce: {host: x}", "servce", 1, "perhaps `service`"),
        ("service:\n  htp_port: 1", "service.htp_port", 2, "perhaps `service.http_port`"),
        ("service:\n  port: 6333", "service.port", 2, "no such key, and it is ignored"),
        (
            "storage:\n  ef_construct: 1",
            "storage.ef_construct",
            2,
            "storage.hnsw_index.ef_construct",
        ),
        ("service: {http_port: '6333'}", "service.http_port", 1, "must be an integer"),
        ("service: {http_port: true}", "service.http_port", 1, "must be an integer"),
        ("service: {host: null}", "service.host", 1, "must be a text, not null"),
        ("cluster: {enabled: yes please}", "cluster.enabled", 1, "must be true or false"),
        ("log_level: LOUD", "log_level", 1, "must be one of OFF, ERROR, WARN"),
        ("service: 6333", "service", 1, "must be a mapping"),
        ("log_level: INFO\nlog_level: WARN", "log_level", 2, "given twice"),
        ("- a\n- b", "", 1, "must be a mapping of sections"),
        ("service: {host: [", "", 1, "not YAML"),
        ("storage: {storage_path: /data}", "storage.storage_path", 1, "goes with the container"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_the_nearest_key(
    text: str, key: str, line: int, reason: str
) -> None:
    [found] = validate(text)

    assert (found.key, found.line) == (key, line)
    assert reason in found.reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "service: {grpc_port: null}",
        "service:",
        "storage: {storage_path: /qdrant/storage, snapshots_path: ./snapshots/here}",
        "storage: {optimizers: {deleted_threshold: 1}}",
        "storage: {collection: {strict_mode: {enabled: true}}}",
    ],
)
def test_what_the_server_takes_is_not_refused(text: str) -> None:
    assert validate(text) == []


def test_every_key_has_a_source() -> None:
    assert len(known_keys()) > 100
    assert all(key.source for key in known_keys().values())
