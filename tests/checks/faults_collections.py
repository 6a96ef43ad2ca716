"""Faults of collections, replicas, doors and room: what peers say of what they hold."""

from __future__ import annotations

from sophia_cli.ops.qdrant.asks import Answer
from tests.checks.faults import FAIL, WARN, Json, fault, peers_say
from tests.checks.world import OURS, World
from tests.ops.qdrant.recorded import PEERS


@fault(
    "a replica is dead in one peer's view",
    {"QD-18": FAIL},
    "node2: sophia_coding shard 0 is Dead on",
)
def _(world: World) -> None:
    path = f"/collections/{OURS}/cluster"
    world.says("node2", path, lambda said: said["remote_shards"][0].update(state="Dead"))


@fault("a peer lacks its replicas", {"QD-19": FAIL}, "are there 2 times, 3 wanted")
def _(world: World) -> None:
    gone = world.peers.ids["node3"]

    def without(said: Json) -> None:
        kept = [one for one in said["remote_shards"] if one["peer_id"] != gone]
        local = [] if said["peer_id"] == gone else said["local_shards"]
        said.update(remote_shards=kept, local_shards=local)

    peers_say(world, f"/collections/{OURS}/cluster", without)


@fault("a collection has fewer replicas than ordered", {"QD-19": WARN}, "2 of each shard, 3 in")
def _(world: World) -> None:
    def fewer(said: Json) -> None:
        said["config"]["params"]["replication_factor"] = 2

    peers_say(world, f"/collections/{OURS}", fewer)


@fault("a transfer is stuck", {"QD-20": FAIL}, "has been under way for 42 min")
def _(world: World) -> None:
    _transfer(world, "transferring (2520.13s) | Transferring records (10/2000)")


@fault("a transfer is under way", {}, "has been under way for 12 s")
def _(world: World) -> None:
    _transfer(world, "Transferring records (10/2000), started 12s ago, ETA: 3.20s")


@fault(
    "one replica lacks three points",
    {"QD-21": FAIL},
    "shard 1: node3 3 fewer",
)
def _(world: World) -> None:
    def fewer(said: Json) -> None:
        said["local_shards"][1]["points_count"] -= 3

    world.says("node3", f"/collections/{OURS}/cluster", fewer)


@fault("a peer counts dead replicas", {"QD-22": FAIL}, "it counts 2 replicas that are not active")
def _(world: World) -> None:
    _figure(world, "node2", "collection_dead_replicas", 2)


@fault("a collection is red", {"QD-23": FAIL}, "it is red")
def _(world: World) -> None:
    world.says("node2", f"/collections/{OURS}", lambda said: said.update(status="red"))


@fault("a collection is grey", {"QD-23": WARN}, "its optimizer waits to be woken")
def _(world: World) -> None:
    world.says("node2", f"/collections/{OURS}", lambda said: said.update(status="grey"))


@fault("an optimizer has failed", {"QD-23": FAIL}, "its optimizer says: no space left")
def _(world: World) -> None:
    broken = {"error": "no space left"}
    world.says("node2", f"/collections/{OURS}", lambda said: said.update(optimizer_status=broken))


@fault("a collection is being optimized", {})
def _(world: World) -> None:
    peers_say(world, f"/collections/{OURS}", lambda said: said.update(status="yellow"))


@fault("points are not indexed", {"QD-24": WARN}, "0% of its vectors are indexed")
def _(world: World) -> None:
    many = {"points_count": 9_000_000, "indexed_vectors_count": 0, "segments_count": 6}
    world.says("node1", f"/collections/{OURS}", lambda said: said.update(many))


@fault("indexing was left switched off", {"QD-24": WARN, "QD-25": WARN}, "indexing_threshold is 0")
def _(world: World) -> None:
    def off(said: Json) -> None:
        said["config"]["optimizer_config"]["indexing_threshold"] = 0

    peers_say(world, f"/collections/{OURS}", off)


@fault("the graph was left switched off", {"QD-25": WARN}, "m is 0")
def _(world: World) -> None:
    peers_say(world, f"/collections/{OURS}", lambda said: said["config"]["hnsw_config"].update(m=0))


@fault("a graph for each tenant, on purpose", {})
def _(world: World) -> None:
    graphs = {"m": 0, "payload_m": 16}
    peers_say(
        world, f"/collections/{OURS}", lambda said: said["config"]["hnsw_config"].update(graphs)
    )


@fault("an index is gone", {"QD-26": FAIL}, "no float index of at")
def _(world: World) -> None:
    world.says(
        "node1", f"/collections/{OURS}", lambda said: said["payload_schema"].pop("at") and None
    )


@fault("the user is not the tenant", {"QD-26": FAIL}, "user is not its tenant")
def _(world: World) -> None:
    def plain(said: Json) -> None:
        said["payload_schema"]["user"]["params"] = {"type": "keyword"}

    peers_say(world, f"/collections/{OURS}", plain)


@fault("a server reports an issue", {"QD-27": WARN}, "Unindexed field")
def _(world: World) -> None:
    issue = {"id": "UNINDEXED", "description": "Unindexed field 'project' slows down search"}
    world.says("node1", "/issues", lambda said: said.update(issues=[issue]))


@fault("a server takes nearly all memory", {"QD-28": FAIL}, "it takes 98% of its memory")
def _(world: World) -> None:
    _figure(world, "node1", "memory_resident_bytes", int(24684084 * 1024 * 0.98))


@fault("a server takes much memory", {"QD-28": WARN}, "it takes 85% of its memory")
def _(world: World) -> None:
    _figure(world, "node1", "memory_resident_bytes", int(24684084 * 1024 * 0.85))


@fault("a server has its files open", {"QD-29": WARN}, "it has open 95% of its files")
def _(world: World) -> None:
    _figure(world, "node1", "process_open_fds", 19_000)


@fault("a server has its maps in use", {"QD-29": WARN}, "of its memory maps")
def _(world: World) -> None:
    _figure(world, "node1", "process_open_mmaps", 60_000)


@fault("no room to copy a shard", {"QD-30": FAIL}, "no room to copy its largest shard")
def _(world: World) -> None:
    def large(said: Json) -> None:
        shard = said["collections"]["collections"][0]["shards"][0]["local"]
        shard["vectors_size_bytes"] = 350 << 30

    world.says("node2", "/telemetry", large)


@fault("a server is open", {"QD-31": FAIL, "QD-32": FAIL}, "it lets in who comes without a key")
def _(world: World) -> None:
    world.keys = lambda peer, _: (
        Answer(200, {"result": {"collections": []}})
        if peer.host == "node1"
        else Answer(401, "Must provide an API key")
    )


@fault("a wrong key is let in", {"QD-32": FAIL}, "it lets in who comes with a wrong key")
def _(world: World) -> None:
    world.keys = lambda _, key: Answer(401, "") if key is None else Answer(200, {"result": {}})


@fault("a server was built without GPU", {"QD-34": FAIL}, "was built without GPU")
def _(world: World) -> None:
    world.says("node3", "/telemetry", lambda said: said["app"]["features"].update(gpu=False))


@fault("a snapshot is old", {"QD-35": WARN}, "its newest is")
def _(world: World) -> None:
    old = [{"name": "x", "creation_time": "2026-11-20T19:04:37", "size": 1}]
    for peer in PEERS:
        path = f"/collections/{OURS}/snapshots"
        world.peers.instead[peer.host, path] = Answer(200, {"result": old})


def _transfer(world: World, comment: str) -> None:
    moved = {
        "shard_id": 0,
        "from": world.peers.ids["node1"],
        "to": world.peers.ids["node3"],
        "sync": True,
        "method": "stream_records",
        "comment": comment,
    }
    path = f"/collections/{OURS}/cluster"
    world.says("node1", path, lambda said: said.update(shard_transfers=[moved]))


def _figure(world: World, host: str, name: str, value: float) -> None:
    def changed(text: str) -> str:
        lines = text.splitlines()
        return "\n".join(
            f"{name} {value}" if line.startswith(f"{name} ") else line for line in lines
        )

    world.says(host, "/metrics", changed)
