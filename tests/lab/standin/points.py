"""Points for the tests, and the shards that they fall into."""

from __future__ import annotations

import random
from typing import Any

from .api_points import shard_of
from .cluster import StandinCluster, StandinPeer

Json = Any
DIMENSION = 32


def point(number: int) -> Json:
    """A point of the recorded collection `coding`; the same number makes the same one."""
    numbers = random.Random(number)
    vector = [round(numbers.gauss(0, 1), 4) for _ in range(DIMENSION)]
    return {"id": number, "vector": {"text": vector}, "payload": {"user": f"u{number % 3}"}}


def write(peer: StandinPeer, *numbers: int) -> None:
    """Writes points through a peer, all in one request.

    Raises:
        AssertionError: it was not acknowledged.
    """
    body = {"points": [point(number) for number in numbers]}
    assert peer.request("PUT", "/collections/coding/points?wait=true", body).result


def in_shard(shard: int, first: int, shards: int = 3) -> int:
    """The next number from `first` on that falls into a shard."""
    return next(one for one in range(first, first + 1000) if shard_of(one, shards) == shard)


def held_by(peer: StandinPeer, numbers: list[int]) -> set[int]:
    """Which of these points a peer has on its own replicas, asked as a node answers."""
    found = peer.request("POST", "/collections/coding/points", {"ids": numbers}).result
    return {one["id"] for one in found}


def states(peer: StandinPeer) -> Json:
    """The states of the replicas as a peer sees them, by shard and peer id."""
    view = peer.request("GET", "/collections/coding/cluster").result
    shown = {(one["shard_id"], view["peer_id"]): one["state"] for one in view["local_shards"]}
    return shown | {
        (one["shard_id"], one["peer_id"]): one["state"] for one in view["remote_shards"]
    }


def all_active(cluster: StandinCluster) -> bool:
    """Whether every peer says that every replica is active."""
    return all(set(states(peer).values()) == {"Active"} for peer in cluster.peers)
