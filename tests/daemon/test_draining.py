"""A drained peer is asked by nobody: two resident processes over one PostgreSQL.

The peers are stand-ins, not Qdrant.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sophia_cli.engines.postgres import Postgres
from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home
from tests.conftest import Sophia, temporary_home, wait_until
from tests.tiers.vectors.standin import Cluster, Peer


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[list[Peer]]:
    cluster = Cluster(tmp_path / "stand-in")
    cluster.directory.mkdir()
    started = [Peer(cluster) for _ in range(2)]
    yield started
    for peer in started:
        peer.stop()


@pytest.fixture
def pair(peers: list[Peer]) -> Iterator[tuple[Sophia, Sophia]]:
    """Two homes, as on two machines: one store, the same two peers."""
    with temporary_home() as engines, temporary_home() as one, temporary_home() as two:
        postgres = Postgres(Home(engines).prepare())
        postgres.ensure()
        variables = {
            "SOPHIA_PROFILE": "cluster",
            "SOPHIA_RECORDS__URL": f"postgresql://sophia@/postgres?host={Home(engines).sockets}",
            "SOPHIA_VECTORS__URLS": ",".join(f"{peer.url}/" for peer in peers),
            "SOPHIA_VECTORS__GRPC": "false",
            "SOPHIA_HOT_CACHE__ENABLED": "false",
        }
        found = Sophia(one, variables), Sophia(two, variables)
        for sophia in found:
            assert sophia("up").returncode == 0
        yield found
        for sophia in found:
            sophia("down")
        postgres.stop()


def state(sophia: Sophia, peer: Peer) -> str:
    found = {row["url"]: row for row in sophia.data("vectors", "status")}
    return str(found[peer.url]["state"])


def asked_by(sophia: Sophia, peer: Peer, text: str) -> bool:
    """Whether a peer hears anything of what a process stores and then searches."""
    before = len(peer.requests)
    sophia.data("remember", text, "--kind", "coding")
    sophia.data("similar", f"{text}?", "--kind", "coding")
    return len(peer.requests) > before


def test_a_drain_holds_for_every_process_also_after_a_restart_until_the_resume(
    pair: tuple[Sophia, Sophia], peers: list[Peer]
) -> None:
    one, two = pair
    assert all(asked_by(sophia, peers[0], f"before {n}") for n, sophia in enumerate(pair))

    [drained] = one.data("vectors", "drain", peers[0].url)

    assert drained["url"] == peers[0].url and drained["busy"] == []
    assert [name.rpartition(":")[2] for name in drained["others"]] == [str(two.resident())]
    assert not any(asked_by(sophia, peers[0], f"during {n}") for n, sophia in enumerate(pair))

    assert two("down").returncode == 0
    assert two("up").returncode == 0
    assert state(two, peers[0]) == "drained"
    assert not asked_by(two, peers[0], "after a restart")
    assert not asked_by_foreground(two, peers[0])

    [resumed] = two.data("vectors", "resume", f"{peers[0].url}/")
    assert resumed == {"url": peers[0].url, "was_drained": True}
    wait_until(lambda: state(one, peers[0]) == "asked")
    assert two.data("vectors", "drain", peers[1].url)[0]["url"] == peers[1].url
    assert all(asked_by(sophia, peers[0], f"again {n}") for n, sophia in enumerate(pair))


def asked_by_foreground(sophia: Sophia, peer: Peer) -> bool:
    before = len(peer.requests)
    ended = sophia("--no-daemon", "remember", "in the foreground", "--kind", "coding")
    assert ended.returncode == 0, ended.stderr
    return len(peer.requests) > before


def test_a_drain_waits_for_the_calls_that_are_on_their_way(
    pair: tuple[Sophia, Sophia], peers: list[Peer]
) -> None:
    one, two = pair
    one.data("remember", "so that the collections are there", "--kind", "coding")
    arrived, released = threading.Event(), threading.Event()

    def hold(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("/points"):
            arrived.set()
            released.wait(30)

    peers[0].behave = hold
    writing = one.start("remember", "a write that takes its time", "--kind", "coding")
    assert arrived.wait(20)
    draining = one.start("--json", "vectors", "drain", peers[0].url)
    elsewhere = two.start("--json", "vectors", "drain", peers[0].url)
    wait_until(lambda: state(two, peers[0]) == "drained")
    calls = next(row for row in one.data("vectors", "status") if row["url"] == peers[0].url)
    assert calls["calls"] == 1
    time.sleep(3)
    assert draining.poll() is None, "it returned while a write was on its way"
    assert elsewhere.poll() is None, "it did not wait for the other process"
    released.set()
    out, errors = draining.communicate(timeout=30)
    assert draining.returncode == 0, errors
    assert json.loads(out)["data"][0]["busy"] == []
    out, errors = elsewhere.communicate(timeout=30)
    others = json.loads(out)["data"][0]["others"]
    assert [name.rpartition(":")[2] for name in others] == [str(one.resident())]
    writing.communicate(timeout=30)


def test_the_last_peer_and_a_stranger_are_not_drained(
    pair: tuple[Sophia, Sophia], peers: list[Peer]
) -> None:
    one, _ = pair
    one.data("vectors", "drain", peers[0].url)
    last = one("vectors", "drain", peers[1].url)
    assert last.returncode == ExitStatus.REFUSED and "--even-last" in last.stderr
    assert state(one, peers[1]) == "asked"
    stranger = one("vectors", "drain", "http://127.0.0.9:6333")
    assert stranger.returncode == ExitStatus.FAILED and peers[1].url in stranger.stderr
    assert one("vectors", "drain", "nonsense").returncode == ExitStatus.USAGE
    one.data("vectors", "drain", peers[1].url, "--even-last")
    stored = one("--json", "remember", "owed meanwhile", "--kind", "coding")
    assert json.loads(stored.stdout)["status"] == "degraded"
    assert "every peer is being drained" in stored.stdout


def test_without_servers_there_is_nothing_to_drain(sophia: Sophia) -> None:
    ended = sophia("vectors", "status")
    assert ended.returncode == ExitStatus.REFUSED and "no peers" in ended.stderr


def test_a_process_that_was_killed_counts_no_more(
    pair: tuple[Sophia, Sophia], peers: list[Peer]
) -> None:
    one, two = pair
    one.data("vectors", "drain", peers[0].url)
    os.kill(two.resident(), signal.SIGKILL)

    def followers() -> int:
        found = {row["url"]: row for row in one.data("vectors", "status")}
        return len(found[peers[0].url]["followers"])

    wait_until(lambda: followers() == 1)
