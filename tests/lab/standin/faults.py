"""The recorded situations in which a peer is dead, frozen, cut off, full, stopped or wrong."""

from __future__ import annotations

import time

from .cluster import until
from .points import all_active, in_shard, point, states, write
from .recorded import Stage
from .views import (
    COLLECTION,
    create,
    failures,
    new_leader,
    view,
)


def dead_peer(stage: Stage) -> None:
    create(stage)
    cluster = stage.cluster
    cluster.kill(2)
    until(lambda: failures(stage), "the dead peer is noticed")
    stage.check("dead-peer-cluster-after-0.3s")
    stage.check("dead-peer-cluster-after-2s")
    stage.check("dead-peer-collection-before-write")
    stage.check("dead-peer-write")
    stage.check("dead-peer-collection-after-write")
    stage.check("dead-peer-collection-info")
    stage.check("dead-peer-metrics")
    for name in ("query", "read-all-consistency", "read-majority", "readyz", "issues", "snapshot"):
        stage.check(f"dead-peer-{name}")
    until(lambda: "Failed to connect" in failures(stage), "many attempts have failed")
    stage.check("dead-peer-cluster-after-10s")
    stage.check("dead-peer-cluster-telemetry")
    write(cluster[0], *(in_shard(shard, 100) for shard in range(3)))
    stage.check("dead-peer-all-shards-dead")
    began = time.monotonic()
    stage.check("dead-peer-create-collection")
    assert time.monotonic() - began > 1.0  # the whole time-out of 10 s, at this pace
    for number in (0, 1):
        cluster[number].switch(hold_transfers=True)
    cluster.launch(2)
    until(lambda: "Recovery" in states(cluster[0]).values(), "a transfer has begun")
    stage.check("transferring-collection")
    for number in (0, 1):
        cluster.heal(number)
    until(lambda: all_active(cluster), "the peer has caught up")
    stage.check("returning-collection-from-3")
    cluster[2].wait_until_ready()
    stage.check("returned-readyz")


def no_quorum(stage: Stage) -> None:
    create(stage)
    for number in (1, 2):
        stage.cluster.kill(number)
    until(lambda: failures(stage).count("tcp connect") == 4, "both are noticed")
    stage.check("no-quorum-cluster")
    stage.check("no-quorum-write")
    for name in ("readyz", "query", "collections", "collection-cluster", "create"):
        stage.check(f"no-quorum-{name}")
    until(lambda: failures(stage).count("Failed to connect") == 2, "many attempts have failed")
    stage.check("no-quorum-cluster-later")
    stage.check("no-quorum-cluster-telemetry")
    stage.check("no-quorum-metrics")


def timed_out(stage: Stage) -> None:
    create(stage)
    cluster = stage.cluster
    stage.ids["5775858347773819"] = 2
    for number in (1, 2):
        cluster.kill(number)
    until(lambda: failures(stage).count("Failed to connect") == 2, "many attempts have failed")
    stage.check("timed-out-write")
    stage.check("timed-out-create")
    stage.check("timed-out-force-remove")
    stage.check("timed-out-count-on-survivor")
    cluster.launch(1)
    until(lambda: len(view(stage, 0)["peers"]) == 2, "the peer is removed after all")
    stage.check("timed-out-later-collections")
    stage.check("timed-out-later-cluster")
    stage.check("timed-out-later-collection-cluster")
    cluster.launch(2)
    until(lambda: view(stage, 2)["raft_info"]["role"] == "Candidate", "it stands for election")
    stage.check("timed-out-removed-peer-view")


def alone(stage: Stage) -> None:
    for number in range(3):
        stage.cluster.kill(number)
    stage.cluster.launch(1)
    stage.cluster[1].wait_until_ready()
    stage.check("alone-after-restart-cluster")


def frozen(stage: Stage) -> None:
    create(stage)
    stage.cluster.freeze(2)
    stage.check("frozen-cluster-after-1s")
    until(lambda: "Timeout expired" in failures(stage), "the frozen peer is noticed")
    stage.check("frozen-cluster-after-5s")
    stage.check("frozen-cluster-after-10s")
    write(stage.cluster[0], in_shard(1, 100))
    stage.check("frozen-collection-after-write")
    stage.check("frozen-collection")
    stage.cluster.thaw(2)
    until(lambda: all_active(stage.cluster), "the peer has caught up")


def leader_cut(stage: Stage) -> None:
    create(stage)
    cluster = stage.cluster
    cluster.cut(0)
    until(lambda: new_leader(stage) is not None, "the others have a leader of their own")
    follower = 3 - (new_leader(stage) or 0)  # they are the second and the third
    for shard in (0, 1):
        write(cluster[follower], in_shard(shard, 100))
    until(lambda: failures(stage).count("Failed to connect") == 2, "many attempts have failed")
    stage.check("leader-cut-cluster-from-old-leader")
    until(lambda: "Timeout expired" in failures(stage, follower), "the cut is noticed")
    stage.check("leader-cut-cluster-from-majority", at=follower)
    stage.check("leader-cut-collection", at=follower)
    cluster.heal(0)
    until(lambda: all_active(cluster), "the old leader has caught up")
    assert view(stage, 0)["raft_info"]["role"] == "Follower"


def disk_full(stage: Stage) -> None:
    create(stage)
    stage.cluster[2].switch(disk_full=True)
    for name in ("readyz-3", "healthz-3", "issues-3", "write-at-3", "query-at-3"):
        stage.check(f"disk-full-{name}")
    stage.check("disk-full-collection-from-1")
    stage.check("disk-full-collection-from-3")
    stage.cluster.heal(2)
    stage.check("disk-freed-write-at-3")


def consensus_stopped(stage: Stage) -> None:
    """By what stopped it in the recording: a snapshot recovered with `priority: replica`."""
    create(stage)
    cluster = stage.cluster
    made = cluster[0].request("POST", f"{COLLECTION}/snapshots?wait=true").result["name"]
    location = f"file://{cluster[0].directory}/snapshots/coding/{made}"
    recovery = {"location": location, "priority": "replica"}
    answer = cluster[0].request("PUT", f"{COLLECTION}/snapshots/recover?wait=true", recovery)
    assert answer.result is True
    until(lambda: "working" not in str([view(stage, n) for n in range(3)]), "all have stopped")
    stage.check("consensus-stopped-cluster")
    stage.check("consensus-stopped-seen-from-another")
    stage.check("consensus-stopped-telemetry")
    stage.check("consensus-stopped-readyz")
    write(cluster[1], 500)
    stage.check("consensus-stopped-create")
    stage.check("consensus-stopped-metrics")
    for number in range(3):
        cluster.stop(number)
        assert cluster.launch(number).wait(30) == 101
        assert "has no method set" in cluster[number].log_text


def diverged(stage: Stage) -> None:
    create(stage, factor=3)
    cluster = stage.cluster
    cluster.kill(2)
    stage.check("diverged-failed-write")
    for number in (500001, 500002):
        body = {"points": [point(number)]}
        failed = cluster[0].request("PUT", f"{COLLECTION}/points?wait=true", body)
        assert failed.status == 500
    cluster.launch(2)
    cluster[2].wait_until_ready()
    for number in (1, 2, 3):
        stage.check(f"diverged-collection-cluster-from-{number}")
        answer = stage.check(f"diverged-ids-from-{number}")
        assert len(answer.result) == (0 if number == 3 else 3)
    for name in ("collection", "readyz", "issues"):
        stage.check(f"diverged-{name}")
