"""Faults of the consensus: what peers say of themselves and of one another."""

from __future__ import annotations

from typing import Any

from sophia_cli.ops.qdrant.asks import Answer
from tests.checks.faults import FAIL, GONE, WARN, Json, fault, peers_say
from tests.checks.world import INVENTORY, World
from tests.ops.qdrant.recorded import DEAD, FROZEN


@fault("a peer is killed", GONE, "it does not answer: Connection refused")
def _(world: World) -> None:
    world.is_silent("node3", DEAD)


@fault("a peer is frozen", GONE, "no answer within 5 s")
def _(world: World) -> None:
    world.is_silent("node2", FROZEN)


@fault("a server runs another version", {"QD-04": WARN}, "an upgrade is under way")
def _(world: World) -> None:
    world.says("node2", "/", lambda body: body.update(version="1.19.0"))


@fault("servers are two minors apart", {"QD-04": FAIL}, "more than one minor version apart")
def _(world: World) -> None:
    world.says("node2", "/", lambda body: body.update(version="1.20.1"))


@fault("a server says that it is not ready", {"QD-03": WARN}, "some shards are not ready")
def _(world: World) -> None:
    world.peers.instead["node3", "/readyz"] = Answer(503, "some shards are not ready")


@fault("a server runs alone", {"QD-02": FAIL, "QD-14": FAIL, "QD-16": WARN}, "its cluster is off")
def _(world: World) -> None:
    world.peers.instead["node3", "/cluster"] = Answer(200, {"result": {"status": "disabled"}})


@fault("a peer lost its vote", {"QD-10": FAIL, "QD-16": WARN}, "node3 has no vote")
def _(world: World) -> None:
    world.says("node3", "/cluster", lambda said: said["raft_info"].update(is_voter=False))


@fault("others say that a peer does not vote", {"QD-10": FAIL}, "others say that node3 does not")
def _(world: World) -> None:
    for host in ("node1", "node2"):
        world.says(host, "/cluster/telemetry", lambda said: _of_node3(said).update(is_voter=False))


@fault("a peer falls behind", {"QD-11": FAIL}, "they are 25 operations apart")
def _(world: World) -> None:
    world.says(
        "node3", "/cluster", lambda said: _raft(said, commit=said["raft_info"]["commit"] - 25)
    )


@fault("a peer is a few operations behind", {})
def _(world: World) -> None:
    world.says(
        "node3", "/cluster", lambda said: _raft(said, commit=said["raft_info"]["commit"] - 2)
    )


@fault(
    "the consensus of one peer has stopped",
    {"QD-12": FAIL, "QD-16": WARN},
    "that of node3 has stopped",
)
def _(world: World) -> None:
    stopped = {"consensus_thread_status": "stopped_with_err", "err": "no such thing"}
    world.says("node3", "/cluster", lambda said: said.update(consensus_thread_status=stopped))


@fault("an operation waits", {"QD-13": WARN}, "node1: 3 operations of the consensus pending")
def _(world: World) -> None:
    world.says("node1", "/cluster", lambda said: _raft(said, pending_operations=3))


@fault("a peer follows nobody", {"QD-08": FAIL, "QD-16": WARN}, "node3 knows no leader")
def _(world: World) -> None:
    for host in ("node1", "node2"):
        world.says(host, "/cluster/telemetry", _not_voting)
    world.says("node3", "/cluster", lambda said: _raft(said, leader=0, role="Candidate", term=2))


@fault(
    "an old leader is cut off",
    {"QD-08": FAIL, "QD-09": FAIL, "QD-14": FAIL, "QD-16": WARN},
    "node1 calls itself leader, and is not followed",
)
def _(world: World) -> None:
    new = world.peers.ids["node2"]
    for host, role in (("node2", "Leader"), ("node3", "Follower")):
        world.says(host, "/cluster", lambda said, r=role: _raft(said, leader=new, term=2, role=r))
    for host, lost in (("node1", ("node2", "node3")), ("node2", ("node1",)), ("node3", ("node1",))):
        world.says(host, "/cluster/telemetry", lambda said, gone=lost: _unreached(said, *gone))


@fault(
    "a peer does not reach another",
    {"QD-14": FAIL},
    "node2 cannot reach node3",
)
def _(world: World) -> None:
    world.says("node2", "/cluster/telemetry", lambda said: _unreached(said, "node3"))


@fault("an old failure to send is listed", {})
def _(world: World) -> None:
    failure = {
        "count": 1,
        "latest_error": 'message: "Can\'t send Raft message over channel"',
        "latest_error_timestamp": "2026-11-23T18:00:00.000000000Z",
    }
    gone = {"http://192.0.2.13:6335/": failure}
    world.says("node1", "/cluster", lambda said: said.update(message_send_failures=gone))


@fault(
    "a peer is listed at a bridge of docker's",
    {"QD-05": FAIL, "QD-14": FAIL, "QD-15": FAIL},
    "it is listed at http://172.17.0.2:6335, not at http://192.0.2.13:6335",
)
def _(world: World) -> None:
    own = str(world.peers.ids["node3"])
    peers_say(
        world,
        "/cluster",
        lambda said: said["peers"].update({own: {"uri": "http://172.17.0.2:6335/"}}),
    )
    peers_say(world, "/cluster/telemetry", lambda _: None)


@fault("somebody joined", {"QD-05": FAIL, "QD-16": WARN}, "which nobody asked for")
def _(world: World) -> None:
    stranger = {"4711": {"uri": "http://192.0.2.99:6335/"}}
    peers_say(world, "/cluster", lambda said: said["peers"].update(stranger))


@fault(
    "a peer was removed and still answers",
    {"QD-05": FAIL, "QD-06": FAIL, "QD-18": FAIL},
    "node3 answers, and was removed from the cluster",
)
def _(world: World) -> None:
    own = str(world.peers.ids["node3"])
    for host in ("node1", "node2"):
        world.says(host, "/cluster", lambda said: said["peers"].pop(own) and None)
    world.says("node3", "/cluster", _removed)


@fault("a second cluster", {"QD-05": FAIL, "QD-07": FAIL}, "node3 is a cluster of its own")
def _(world: World) -> None:
    uri = {"uri": "http://192.0.2.13:6335/"}
    old = str(world.peers.ids["node3"])
    alone = {"peer_id": 4711, "peers": {"4711": uri}}
    world.says("node3", "/cluster", lambda said: said.update(alone))
    assert old != "4711"


@fault("a collection is not known to all", {"QD-17": FAIL}, "is not known to node3")
def _(world: World) -> None:
    world.says("node3", "/collections", lambda said: said.update(collections=[]))


@fault("our key is refused", {"QD-01": FAIL}, "it refuses our key (HTTP 401")
def _(world: World) -> None:
    for other in ("node1", "node2"):
        world.says(other, "/cluster/telemetry", lambda _: None)
    world.peers.instead["node3", "/cluster"] = Answer(401, "Invalid API key or JWT")


def _raft(said: Json, **changes: Any) -> None:
    said["raft_info"].update(changes)


def _of_node3(said: Json) -> Json:
    found = [one for one in said["cluster"]["peers"].values() if "192.0.2.13" in one["uri"]]
    return found[0]["details"]


def _not_voting(said: Json) -> None:
    details = _of_node3(said)
    details["consensus_thread_status"] = {"consensus_thread_status": "working"}
    details["is_voter"] = True
    details.update(role="Candidate", term=2)


def _unreached(said: Json, *hosts: str) -> None:
    for one in said["cluster"]["peers"].values():
        if any(INVENTORY.hosts[host].address in one["uri"] for host in hosts):
            one.update(responsive=False, details=None)


def _removed(said: Json) -> None:
    own = str(said["peer_id"])
    said["peers"] = {own: said["peers"][own]}
    said["raft_info"].update(is_voter=False, leader=None, role=None)
    said["consensus_thread_status"] = {"consensus_thread_status": "stopped"}
