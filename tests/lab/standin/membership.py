"""The recorded situations in which peers join, leave, lose their disk or get a new version."""

from __future__ import annotations

from .cluster import until
from .points import all_active, states, write
from .recorded import Stage
from .views import (
    commits_agree,
    create,
    failures,
    follower_and_leader,
    join,
    leads,
    view,
)


def removed(stage: Stage) -> None:
    """The leader is removed: in the recording that was the third peer, here it is the first."""
    create(stage)
    cluster, gone = stage.cluster, 0
    other, next_leader = follower_and_leader(stage)
    stage.ids |= {"1309113380371693": gone, "968477563526223": other, "8441141341998080": gone}
    stage.check("remove-unknown-peer", at=other)
    stage.check("move-to-unknown", at=other)
    stage.check("remove-peer-with-shards", at=other)
    for shard in range(3):
        dropped = {"drop_replica": {"shard_id": shard, "peer_id": cluster[gone].id}}
        stage.check("drop-replica", at=other, body=dropped)
    stage.check("remove-empty-peer", at=other)
    until(lambda: "Internal error" in failures(stage, other), "the old leader was written to")
    stage.check("after-remove-cluster-from-1", at=other)
    stage.check("removed-peer-own-view", at=gone)
    stage.check("removed-peer-readyz", at=gone)
    cluster.stop(gone)
    cluster.launch(gone)
    cluster[gone].wait_until_ready()
    stage.check("removed-peer-restarted", at=gone)
    until(lambda: leads(stage, next_leader, other), "a new leader", 60)
    stage.check("after-removed-restart-from-1", at=other)
    cluster.kill(gone)
    cluster.wipe(gone)
    join(stage, gone, other)
    stage.check("joined-empty-collection", at=other)
    cluster[other].switch(hold_transfers=True)
    stage.check("replicate-shard", at=other)
    until(lambda: "Recovery" in states(cluster[other]).values(), "the transfer has begun")
    stage.check("replicating", at=other)
    cluster.heal(other)
    until(lambda: "Recovery" not in states(cluster[other]).values(), "the shard has arrived")
    again = {"shard_id": 1, "from_peer_id": cluster[other].id, "to_peer_id": cluster[gone].id}
    stage.check("replicate-again", at=other, body={"replicate_shard": again})
    until(lambda: len(view(stage, other)["peers"]) == 3, "three peers")


def lost_volume(stage: Stage) -> None:
    """The first peer is removed and joins anew, which stays listed; then it loses its disk."""
    cluster, lost = stage.cluster, 0
    other, next_leader = follower_and_leader(stage)
    stage.ids |= {"8441141341998080": lost}
    create(stage)
    removal = f"/cluster/peer/{cluster[lost].id}?force=true"
    assert cluster[other].request("DELETE", removal).result
    until(lambda: "Internal error" in failures(stage, other), "the old leader was written to")
    cluster.kill(lost)
    cluster.wipe(lost)
    until(lambda: leads(stage, next_leader, other), "a new leader", 60)
    join(stage, lost, other)
    stage.check("joined-empty-cluster", at=other)
    old = cluster[lost].id
    cluster.kill(lost)
    cluster.wipe(lost)
    process = cluster.launch(lost, "--uri", cluster[lost].uri, "--bootstrap", cluster[other].uri)
    assert process.wait(30) == 101
    stage.check("lost-volume-rejoin-cluster", at=other)
    cluster.wipe(lost)
    cluster[lost].environment["STANDIN_PACE"] = "20"
    cluster.launch(lost, "--uri", cluster[lost].uri)
    cluster[lost].wait_until_ready()
    stage.check("second-cluster-own-view", at=lost)
    stage.check("second-cluster-from-1", at=other)
    cluster.kill(lost)
    cluster.wipe(lost)
    del cluster[lost].environment["STANDIN_PACE"]
    stage.check("force-remove-dead-peer", at=other, path=f"/cluster/peer/{old}?force=true")
    stage.check("after-force-remove", at=other)
    join(stage, lost, other)
    stage.check("after-rejoin", at=other)
    fourth = cluster.add()
    fourth.launch(["--bootstrap", cluster[other].uri])
    fourth.wait_until_ready()
    until(lambda: leads(stage, next_leader, other), "a leader")
    stage.check("no-uri-cluster", at=other)


def rogue(stage: Stage) -> None:
    """A peer without the key joins a cluster that has one, and lists its collections."""
    body = {"vectors": {"size": 4, "distance": "Dot"}}
    assert stage.cluster[0].request("PUT", "/collections/secret", body).result
    third = stage.cluster.add(api_key="")
    third.launch(["--uri", third.uri, "--bootstrap", stage.cluster[0].uri])
    third.wait_until_ready()
    until(lambda: commits_agree(stage), "the third peer has caught up")
    listed = third.request("GET", "/collections", headers={}).result["collections"]
    assert listed == [{"name": "secret"}]
    stage.check("rogue-peer-cluster")


def enforced(stage: Stage) -> None:
    """With internal authentication enforced, the same peer is turned away."""
    third = stage.cluster.add(api_key="")
    process = third.launch(["--uri", third.uri, "--bootstrap", stage.cluster[0].uri])
    assert process.wait(30) == 101
    assert "0: Failed to add peer to known" in third.log_text
    stage.check("enforced-internal-auth-cluster")


def upgrade(stage: Stage) -> None:
    create(stage)
    cluster = stage.cluster
    for number in (2, 1, 0):
        cluster.stop(number)
        cluster[number].environment["STANDIN_VERSION"] = "1.19.0"
        cluster.start(number)
        if number == 2:
            until(lambda: view(stage, 2)["raft_info"]["role"], "it knows its role")
            stage.check("mixed-versions-telemetry")
            stage.check("mixed-versions-create")
            stage.check("mixed-versions-create-on-new")
            stage.check("mixed-versions-cluster")
            stage.check("mixed-versions-root-3")
    until(lambda: commits_agree(stage) and view(stage, 0)["raft_info"]["leader"], "agreement", 60)
    until(lambda: all_active(cluster), "every replica is active")
    follower = next(n for n in (0, 1) if view(stage, n)["raft_info"]["role"] == "Follower")
    until(lambda: not failures(stage, follower), "nothing fails")
    write(cluster[follower], 1)
    stage.check("v1.19.0-cluster", at=follower)
    stage.check("v1.19.0-collection")
    stage.check("v1.19.0-collection-cluster")
    stage.check("v1.19.0-telemetry")
    stage.check("v1.19.0-metrics", at=follower)
