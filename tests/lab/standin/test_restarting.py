"""A restart without a drain loses acknowledged points from one replica; with one, nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException

import pytest

from .cluster import StandinCluster, StandinPeer, until
from .conftest import Start
from .points import all_active, held_by, in_shard, point
from .recorded import Stage
from .views import create


class Writer(threading.Thread):
    """Writes one point after the other through one peer, over a connection that it keeps."""

    def __init__(self, cluster: StandinCluster, through: int, first: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[int] = []
        self.failures: list[str] = []
        self.through = through
        self._cluster = cluster
        self._next = first
        self._over = threading.Event()

    def run(self) -> None:
        connection: HTTPConnection | None = None
        connected = self.through
        while not self._over.wait(0.005):
            number, self._next = self._next, self._next + 1
            if connection is not None and connected != self.through:
                connection.close()
                connection = None
            if connection is None:
                connected = self.through
                connection = HTTPConnection(self._cluster[connected].host, 6333, timeout=60)
            body = json.dumps({"points": [point(number)]})
            try:
                connection.request("PUT", "/collections/coding/points?wait=true", body)
                response = connection.getresponse()
                answer = response.read().decode()
            except (OSError, HTTPException):
                connection.close()
                connection = None
                continue
            if response.status == 200:
                self.acknowledged.append(number)
            else:
                self.failures.append(answer)

    def end(self) -> None:
        self._over.set()
        self.join(60)


@contextmanager
def writing(cluster: StandinCluster) -> Iterator[list[Writer]]:
    writers = [Writer(cluster, number, 10_000 * (number + 1)) for number in range(3)]
    for one in writers:
        one.start()
    time.sleep(0.3)
    yield writers
    for one in writers:
        one.end()


def missing(cluster: StandinCluster, writers: list[Writer]) -> list[int]:
    """How many acknowledged points each peer lacks."""
    written = [number for one in writers for number in one.acknowledged]
    assert len(written) > 100
    return [len(set(written) - held_by(peer, written)) for peer in cluster.peers]


def gate(cluster: StandinCluster) -> None:
    """A probing write to every shard, then agreement three times in a row.

    Agreement alone is none: a replica that missed a write may be declared dead only when the next
    leader is there, after all peers have said that every replica is active.
    """
    for peer in cluster.peers:
        until(partial(_probed, peer), "a probing write is acknowledged", 60)
    agreed = 0
    while agreed < 3:
        until(lambda: all_active(cluster), "every peer says that all are active", 60)
        time.sleep(0.3)
        agreed = agreed + 1 if all_active(cluster) else 0


def _probed(peer: StandinPeer) -> bool:
    body = {"points": [point(in_shard(shard, 900_000)) for shard in range(3)]}
    return peer.request("PUT", "/collections/coding/points?wait=true", body).status == 200


def restart_drained(cluster: StandinCluster, writers: list[Writer]) -> None:
    """Every peer in turn, with nobody writing through it."""
    for number in range(3):
        writers[number].through = (number + 1) % 3
        time.sleep(0.5)  # what was under way has ended
        cluster.restart(number)
        gate(cluster)
        writers[number].through = number
        time.sleep(0.2)


def test_without_a_drain_acknowledged_points_are_missing_for_good(start: Start) -> None:
    cluster = start()
    create(Stage(cluster))
    with writing(cluster) as writers:
        cluster.restart(0)
        until(lambda: all_active(cluster), "every peer says that all are active", 60)
    lost = missing(cluster, writers)
    assert sum(lost) > 0
    assert all_active(cluster)
    assert cluster[0].request("GET", "/issues").result == {"issues": []}
    counts = {tuple(one) for one in local_counts(cluster)}
    assert len(counts) > 1  # what the gate can see: they do not agree
    cluster.restart(lost.index(max(lost)))
    until(lambda: all_active(cluster), "all active")
    assert missing(cluster, writers) == lost  # nothing mends it


def test_writing_the_points_again_mends_the_replicas(start: Start) -> None:
    cluster = start()
    create(Stage(cluster))
    cluster[0].switch(lose_writes=True)
    numbers = list(range(100, 130))
    body = {"points": [point(number) for number in numbers]}
    assert cluster[0].request("PUT", "/collections/coding/points?wait=true", body).result
    held = [len(held_by(peer, numbers)) for peer in cluster.peers]
    assert sorted(held) == [0, 30, 30]
    cluster.heal(0)
    assert cluster[1].request("PUT", "/collections/coding/points?wait=true", body).result
    assert [len(held_by(peer, numbers)) for peer in cluster.peers] == [30, 30, 30]


def test_with_a_drain_nothing_is_lost(start: Start) -> None:
    cluster = start()
    create(Stage(cluster))
    with writing(cluster) as writers:
        restart_drained(cluster, writers)
    assert missing(cluster, writers) == [0, 0, 0]
    assert [one.failures for one in writers] == [[], [], []]


def test_with_write_consistency_of_all_the_writes_fail_and_stay_on_the_others(
    start: Start,
) -> None:
    cluster = start()
    create(Stage(cluster), factor=3)
    with writing(cluster) as writers:
        cluster.restart(1)
        until(lambda: all_active(cluster), "all active")
    assert missing(cluster, writers) == [0, 0, 0]
    assert "deactivation timed out after 30s" in writers[1].failures[0]


def local_counts(cluster: StandinCluster) -> list[list[int]]:
    """The points of each local shard, peer by peer."""
    views = [peer.request("GET", "/collections/coding/cluster").result for peer in cluster.peers]
    return [[one["points_count"] for one in view["local_shards"]] for view in views]


def test_a_switch_that_there_is_not_is_no_silence(start: Start) -> None:
    cluster = start(peers=1, enabled=False)
    cluster[0].switch(no_such=True)
    with pytest.raises((OSError, HTTPException)):
        cluster[0].request("PUT", "/collections/x", {"vectors": {"size": 4, "distance": "Dot"}})
        cluster[0].request(
            "PUT", "/collections/x/points", {"points": [{"id": 1, "vector": [1, 2, 3, 4]}]}
        )
