"""What the situations share: the recorded collection, and what peers say of the cluster."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from .cluster import until
from .points import write
from .recorded import Stage

Json = Any
COLLECTION = "/collections/coding"


def create(stage: Stage, factor: int = 2) -> None:
    """The recorded collection, with points in every shard."""
    if factor == 2:
        stage.check("create")
    else:
        body = stage.load("create")["request"]["body"] | {"write_consistency_factor": factor}
        assert stage.cluster[0].request("PUT", f"{COLLECTION}?timeout=30", body).result
    write(stage.cluster[0], *range(1, 61))


def follower_and_leader(stage: Stage) -> tuple[int, int]:
    """Of the second and third peer, when the first has gone: the lower id becomes the leader."""
    leader, follower = sorted((1, 2), key=lambda number: stage.cluster[number].id)
    return follower, leader


def leads(stage: Stage, leader: int, follower: int) -> bool:
    return bool(view(stage, follower)["raft_info"]["leader"] == stage.cluster[leader].id)


def new_leader(stage: Stage) -> int | None:
    """Which of the second and third peer both follow."""
    leaders = {view(stage, number)["raft_info"]["leader"] for number in (1, 2)}
    found = [number for number in (1, 2) if leaders == {stage.cluster[number].id}]
    return found[0] if found else None


def join(stage: Stage, number: int, through: int) -> None:
    cluster = stage.cluster
    cluster.launch(number, "--uri", cluster[number].uri, "--bootstrap", cluster[through].uri)
    cluster[number].wait_until_ready()
    until(lambda: commits_agree(stage), "the new peer has what the others have")


def view(stage: Stage, number: int) -> Json:
    """What a peer says of the cluster; of one that is starting, what it says first."""
    for _ in range(200):
        with suppress(OSError):
            return stage.cluster[number].request("GET", "/cluster").result
        time.sleep(0.05)
    raise AssertionError(f"peer {number} does not answer")


def commits_agree(stage: Stage) -> bool:
    views = [view(stage, number) for number in range(len(stage.cluster.peers))]
    return len({one["raft_info"]["commit"] for one in views}) == 1


def failures(stage: Stage, number: int = 0) -> str:
    listed = view(stage, number)["message_send_failures"]
    return " ".join(one["latest_error"] for one in listed.values())
