"""What does not start ends as the real server does: with the recorded last words and exit code."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .cluster import StandinCluster, StandinPeer, until
from .conftest import Start
from .points import write
from .recorded import FIXTURES, Stage
from .views import create

Json = Any
Case = Callable[[StandinCluster], StandinPeer]
CASES: dict[str, Json] = {
    one["case"]: one for one in json.loads((FIXTURES / "startup-failures.json").read_text())
}
READY = "ready"


def _bootstrap_not_up(cluster: StandinCluster) -> StandinPeer:
    cluster.launch(1)
    return cluster[1]


def _neither(cluster: StandinCluster) -> StandinPeer:
    cluster[0].launch([])
    return cluster[0]


def _without_scheme(cluster: StandinCluster) -> StandinPeer:
    cluster[0].launch(["--uri", f"{cluster[0].host}:6335"])
    return cluster[0]


def _port_taken(cluster: StandinCluster) -> StandinPeer:
    taken = socket.create_server((cluster[0].host, 6333))
    cluster[0].listening = taken  # held until the peer is gone
    cluster.launch(0)
    return cluster[0]


def _storage_is_a_file(cluster: StandinCluster) -> StandinPeer:
    cluster[0].directory.mkdir(parents=True)
    cluster[0].storage.write_text("")
    cluster.launch(0)
    return cluster[0]


def _no_certificates(cluster: StandinCluster) -> StandinPeer:
    cluster[0].settings["service"]["enable_tls"] = True
    cluster.launch(0)
    return cluster[0]


def _unknown_log_level(cluster: StandinCluster) -> StandinPeer:
    cluster[0].settings["log_level"] = "LOUD"
    cluster.launch(0)
    return cluster[0]


def _raft_state_damaged(cluster: StandinCluster) -> StandinPeer:
    cluster.start(0)
    cluster.stop(0)
    (cluster[0].storage / "raft_state.json").write_text("{")
    cluster.launch(0)
    return cluster[0]


def _two_on_one_storage(cluster: StandinCluster) -> StandinPeer:
    _with_a_collection(cluster)
    second = cluster[1]
    second.settings["storage"] = cluster[0].settings["storage"]
    second.launch([])
    return second


def _segment_damaged(cluster: StandinCluster) -> StandinPeer:
    _with_a_collection(cluster)
    cluster.stop(0)
    for state in (cluster[0].storage / "collections/coding/0/segments").glob("*/segment.json"):
        state.write_bytes(b"{")
    cluster.launch(0)
    return cluster[0]


def _cluster_off(cluster: StandinCluster) -> StandinPeer:
    _with_a_collection(cluster)
    cluster.stop(0)
    cluster[0].settings["cluster"]["enabled"] = False
    cluster[0].launch([])
    return cluster[0]


def _lost_volume(cluster: StandinCluster) -> StandinPeer:
    cluster.start(0, 1)
    cluster.kill(1)
    cluster.wipe(1)
    cluster.launch(1)
    return cluster[1]


def _without_the_key(cluster: StandinCluster) -> StandinPeer:
    for number, key in ((0, "admin-key"), (1, None)):
        service = cluster[number].settings["service"]
        service |= {"api_key": key, "enforce_internal_auth": number == 0}
    cluster[0].api_key = "admin-key"
    cluster.start(0)
    cluster.launch(1)
    return cluster[1]


def _with_a_collection(cluster: StandinCluster) -> None:
    cluster.start(0)
    body = {"vectors": {"text": {"size": 32, "distance": "Cosine"}}}
    assert cluster[0].request("PUT", "/collections/coding", body).result
    write(cluster[0], 1, 2, 3)


SET_UP: dict[str, Case] = {
    "bootstrap peer not up yet": _bootstrap_not_up,
    "cluster on, neither --uri nor --bootstrap": _neither,
    "--uri without a scheme": _without_scheme,
    "port taken": _port_taken,
    "storage path is a file": _storage_is_a_file,
    "tls on without certificates": _no_certificates,
    "unknown log level": _unknown_log_level,
    "raft state damaged": _raft_state_damaged,
    "two servers on one storage": _two_on_one_storage,
    "a segment damaged": _segment_damaged,
    "cluster storage started with cluster off": _cluster_off,
    "lost volume, joins again with the same uri": _lost_volume,
    "peer without the key, internal auth enforced": _without_the_key,
}
ELSEWHERE = {"consensus log holds an entry that cannot be applied"}
"""Brought about by the situation `consensus_stopped`."""


@pytest.mark.parametrize("case", SET_UP)
def test_a_start_ends_as_recorded(tmp_path: Path, case: str) -> None:
    cluster = StandinCluster(tmp_path, peers=2, pace=0.2)
    try:
        peer = SET_UP[case](cluster)
        recorded = CASES[case]
        process = peer.process
        assert process is not None
        if recorded["outcome"] == READY:
            peer.wait_until_ready()
        elif match := re.fullmatch(r"exited (\d+)", recorded["outcome"]):
            assert process.wait(20) == int(match[1])
        else:
            until(lambda: "Error while starting REST" in peer.log_text, "it says so")
            assert process.poll() is None
        said = _plain(peer.log_text)
        for line in recorded["log"]:
            if "gRPC" not in line:  # the stand-in has no gRPC
                assert _plain(line) in said
    finally:
        cluster.close()


def test_every_recorded_start_is_tried() -> None:
    others = set(CASES) - set(SET_UP)
    assert len(others) == len(ELSEWHERE)
    assert all(one.startswith(tuple(ELSEWHERE)) for one in others)


@pytest.mark.parametrize(
    ("section", "field"),
    [
        ("optimizers", "max_segment_size"),
        ("optimizers", "indexing_threshold"),
        ("hnsw_index", "full_scan_threshold"),
    ],
)
def test_a_field_without_kb_is_given_twice(tmp_path: Path, section: str, field: str) -> None:
    cluster = StandinCluster(tmp_path, peers=1)
    cluster[0].settings["storage"][section] = {field: 1000}
    assert cluster.launch(0).wait(20) == 1
    wanted = f"Error: duplicate field `{field}` for key `storage.{section}`"
    assert wanted in cluster[0].log_text


def test_unknown_keys_are_taken_without_a_word(tmp_path: Path) -> None:
    cluster = StandinCluster(tmp_path, peers=1)
    settings = cluster[0].settings
    settings["gpu"] = {"enabled": True, "device": 0}
    settings["cluster"]["consensus"] = {"bootstrap_uri": "http://192.0.2.11:6335"}
    with cluster:
        assert "gpu" not in cluster[0].log_text


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    cluster = StandinCluster(tmp_path, peers=1, api_key="of-the-file", enabled=False)
    cluster[0].environment["QDRANT__SERVICE__API_KEY"] = "of-the-environment"
    with cluster:
        keys = {"api-key": "of-the-environment"}
        assert cluster[0].request("GET", "/collections", headers=keys).status == 200
        assert cluster[0].request("GET", "/collections").status == 401


def test_a_collection_is_there_after_the_server_was_killed(start: Start) -> None:
    cluster = start()
    create(Stage(cluster))
    for number in range(3):
        cluster.kill(number)
    for number in range(3):
        cluster.launch(number)
    for peer in cluster.peers:
        peer.wait_until_ready()
    count = cluster[1].request("POST", "/collections/coding/points/count", {}).result
    assert count == {"count": 60}


@pytest.mark.parametrize(
    ("argument", "code", "words"),
    [
        ("--version", 0, "qdrant 1.18.3"),
        ("--help", 0, "Usage: qdrant [OPTIONS]"),
        ("--no-such", 2, "error: unexpected argument '--no-such' found"),
    ],
)
def test_the_command_line_is_the_real_one(argument: str, code: int, words: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.lab.standin", argument],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=Path(__file__).parents[3],
    )
    assert ran.returncode == code
    assert words in ran.stdout + ran.stderr


def _plain(text: str) -> str:
    """Without times, directories, ids and what the engine says behind the recording's end."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "WHEN", text)
    text = re.sub(r"/[\w./-]*/(?=storage|snapshots)", "/", text)
    text = re.sub(r"collections/\w+/", "collections/x/", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[\w-]+", "UUID", text)
    return re.sub(r"Failed to deserialize .*", "Failed to deserialize", text)
