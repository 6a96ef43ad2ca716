"""Peers that answer as real ones were recorded, for questions that a gate puts to them.

A situation is a healthy cluster of the recording's peers, over which recorded answers are laid. It
fails on a question that it was not told of. Probing points are kept: a read follows a write.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sophia_cli.ops.qdrant.asks import Answer, Peer, Silence
from sophia_cli.ops.qdrant.witnesses import PROBE

FIXTURES = Path(__file__).parents[2] / "fixtures" / "qdrant"
CLUSTER = FIXTURES / "cluster"
Json = Any

PEERS = tuple(
    Peer(f"node{n}", f"http://192.0.2.1{n}:6333", f"http://192.0.2.1{n}:6335") for n in (1, 2, 3)
)
FROZEN = Silence("no answer within 5 s")
DEAD = Silence("Connection refused", nobody=True)
_HEALTHY_IDS = (261822400760946, 6858193704091290, 915172240165533)
_NOT_LOOKED_AT = ("/readyz", "/healthz", "/issues", "/metrics", "/telemetry")


@dataclass(frozen=True)
class Recording:
    """One file of fixtures."""

    name: str
    node: str
    method: str
    path: str
    body: Json
    answer: Answer

    @property
    def host(self) -> str:
        return f"node{self.node[-1]}"


def recording(name: str) -> Recording:
    """A file of the cluster's fixtures, by its name without `.json`."""
    kept = json.loads((CLUSTER / f"{name}.json").read_text())
    asked, said = kept["request"], kept["response"]
    return Recording(
        name,
        asked["node"],
        asked["method"],
        asked["path"],
        asked.get("body"),
        Answer(said["status"], said["body"]),
    )


@dataclass
class Recorded:
    """Peers that answer as recorded.

    Args:
        names: files that are laid over a healthy cluster, the later ones over the earlier.
        silent: hosts that do not answer, and how.
        factor: that `GET /collections/x` tells.
        known: a peer id a host, where the files do not tell.
        held: the ids of points that each host's replicas hold.
    """

    names: Sequence[str] = ()
    silent: Mapping[str, Silence] = field(default_factory=dict)
    peers: tuple[Peer, ...] = PEERS
    factor: int = 3
    known: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._files = [recording(name) for name in self.names]
        self._probe: dict[str, dict[int, Json]] = {}
        self._answers: dict[tuple[str, str, str], Answer] = {}
        self._settle()

    def ask(
        self, peer: Peer, method: str, path: str, body: Json = None, timeout: float = 5.0
    ) -> Answer | Silence:
        """See `Asks`."""
        self.asked.append((peer.host, method, path))
        assert not path.startswith(_NOT_LOOKED_AT), f"{path} proves nothing: it must not be asked"
        if peer.host in self.silent:
            return self.silent[peer.host]
        plain = urlsplit(path).path
        if (found := self._answers.get((peer.host, method, plain))) is not None:
            return found
        if plain.startswith(f"/collections/{PROBE}"):
            return self._probing(method, plain.removeprefix(f"/collections/{PROBE}"), body)
        if method == "POST" and plain.endswith("/points/delete"):
            return _ok({"operation_id": 1, "status": "completed"})
        if method == "POST" and plain.endswith("/points/scroll") and self.held:
            return self._page(self.held[peer.host], body)
        if method == "POST" and plain.endswith("/points") and self.held:
            held = self.held[peer.host]
            return _ok([{"id": id_} for id_ in body["ids"] if id_ in held])
        raise AssertionError(f"nobody recorded {method} {path} of {peer.host}")

    def _page(self, held: Sequence[Json], body: Json) -> Answer:
        start = body["offset"]
        rest = sorted(id_ for id_ in held if start is None or id_ >= start)
        following = rest[body["limit"]] if len(rest) > body["limit"] else None
        page = [{"id": id_} for id_ in rest[: body["limit"]]]
        return _ok({"points": page, "next_page_offset": following})

    def _settle(self) -> None:
        """Makes the healthy answers fit the recorded ones, and lays these over them."""
        clusters = [each for each in self._files if each.path == "/cluster"]
        ids = dict(zip((peer.host for peer in self.peers), _HEALTHY_IDS, strict=False))
        leader, term, commit = ids["node1"], 1, 9
        for each in clusters:
            result = each.answer.result
            at = {info["uri"]: int(id_) for id_, info in result["peers"].items()}
            for peer in self.peers:
                ids[peer.host] = at.get(peer.uri + "/", ids[peer.host])
        for each in clusters[:1]:
            raft = each.answer.result["raft_info"]
            term, commit = raft["term"], raft["commit"]
            leader = raft["leader"] if raft["leader"] in ids.values() else leader
        for each in self._files:
            if each.path.startswith("/cluster/telemetry"):
                for id_, info in each.answer.result["cluster"]["peers"].items():
                    ids[f"node{info['uri'][-7]}"] = int(id_)
                first = next(
                    peer
                    for peer in each.answer.result["cluster"]["peers"].items()
                    if peer[1]["details"]
                )
                term, commit = first[1]["details"]["term"], first[1]["details"]["commit"]
                leader = next(
                    (
                        int(id_)
                        for id_, info in each.answer.result["cluster"]["peers"].items()
                        if info["details"] and info["details"]["role"] == "Leader"
                    ),
                    leader,
                )
        if not clusters:
            ids.update(self._ids_of_replicas(ids))
            leader = ids["node1"] if leader not in ids.values() else leader
        ids.update(self.known)
        self.ids = ids
        self._healthy(ids, leader, term, commit)
        for each in self._files:
            self._answers[each.host, each.method, urlsplit(each.path).path] = each.answer

    def _ids_of_replicas(self, ids: dict[str, int]) -> dict[str, int]:
        for each in self._files:
            if each.path.startswith("/collections/") and each.path.endswith("/cluster"):
                result = each.answer.result
                others = list(dict.fromkeys(one["peer_id"] for one in result["remote_shards"]))
                rest = [peer.host for peer in self.peers if peer.host != each.host]
                return {each.host: result["peer_id"], **dict(zip(rest, others, strict=False))}
        return {}

    def _healthy(self, ids: dict[str, int], leader: int, term: int, commit: int) -> None:
        collections = self._collections()
        counts = self._counts()
        view = recording("healthy-cluster-from-1").answer.body
        telemetry = recording("cluster-telemetry").answer.body
        for peer in self.peers:
            own = ids[peer.host]
            cluster = copy.deepcopy(view)
            cluster["result"].update(
                peer_id=own,
                peers={str(ids[other.host]): {"uri": other.uri + "/"} for other in self.peers},
            )
            role = "Leader" if own == leader else "Follower"
            cluster["result"]["raft_info"].update(
                term=term, commit=commit, leader=leader, role=role
            )
            self._answers[peer.host, "GET", "/cluster"] = Answer(200, cluster)
            seen = copy.deepcopy(telemetry)
            details = next(iter(seen["result"]["cluster"]["peers"].values()))["details"]
            seen["result"]["cluster"]["peers"] = {
                str(ids[other.host]): {
                    "uri": other.uri + "/",
                    "responsive": True,
                    "details": {**details, "term": term, "commit": commit},
                }
                for other in self.peers
            }
            self._answers[peer.host, "GET", "/cluster/telemetry"] = Answer(200, seen)
            self._answers[peer.host, "GET", "/"] = Answer(
                200, {"title": "qdrant - vector search engine", "version": "1.18.3"}
            )
            self._answers[peer.host, "GET", "/collections"] = _ok(
                {"collections": [{"name": name} for name in collections]}
            )
            for name in collections:
                self._collection(peer, f"/collections/{name}", ids, counts)

    def _collection(
        self, peer: Peer, path: str, ids: dict[str, int], counts: dict[int, int]
    ) -> None:
        """A collection that is whole, as one peer tells of it."""
        told = copy.deepcopy(recording("healthy-collection").answer.body)
        told["result"]["config"]["params"]["replication_factor"] = self.factor
        self._answers[peer.host, "GET", path] = Answer(200, told)
        states = [
            {"shard_id": shard, "peer_id": ids[other.host], "state": "Active"}
            for shard in counts
            for other in self.peers
            if other.host != peer.host
        ]
        self._answers[peer.host, "GET", f"{path}/cluster"] = _ok(
            {
                "peer_id": ids[peer.host],
                "shard_count": len(counts),
                "local_shards": [
                    {"shard_id": shard, "points_count": count, "state": "Active"}
                    for shard, count in counts.items()
                ],
                "remote_shards": states,
                "shard_transfers": [],
            }
        )

    def _collections(self) -> list[str]:
        named = [
            each.path.split("/")[2]
            for each in self._files
            if each.path.startswith("/collections/") and each.path.endswith("/cluster")
        ]
        listed = [
            one["name"]
            for each in self._files
            if each.path == "/collections"
            for one in each.answer.result["collections"]
        ]
        return list(dict.fromkeys([*(named or ["coding"]), *listed]))

    def _counts(self) -> dict[int, int]:
        for each in self._files:
            if each.path.startswith("/collections/") and each.path.endswith("/cluster"):
                shards = each.answer.result["local_shards"]
                return {one["shard_id"]: one["points_count"] for one in shards}
        return {0: 1852, 1: 2141, 2: 2007}

    def _probing(self, method: str, rest: str, body: Json) -> Answer:
        """The collection of probing points, whole on every peer; writes fail as recorded."""
        if (method, rest) == ("PUT", ""):
            self._shape = (body["shard_number"], body["replication_factor"])
            self._probe["points"] = {}
            return Answer(200, {"result": True, "status": "ok"})
        if "points" not in self._probe:
            return Answer(404, {"status": {"error": f"Not found: Collection `{PROBE}`"}})
        points = self._probe["points"]
        if (method, rest) == ("GET", "/cluster"):
            shards, factor = self._shape
            local = [
                {"shard_id": n, "points_count": len(points), "state": "Active"}
                for n in range(shards)
            ]
            remote = [
                {"shard_id": n, "peer_id": 10 + k, "state": "Active"}
                for n in range(shards)
                for k in range(factor - 1)
            ]
            return _ok(
                {
                    "peer_id": 1,
                    "shard_count": shards,
                    "local_shards": local,
                    "remote_shards": remote,
                    "shard_transfers": [],
                }
            )
        if (method, rest) == ("PUT", "/points"):
            for write in self._files:
                if write.path.partition("?")[0].endswith("/points") and write.answer.status != 200:
                    return write.answer
            points.update({point["id"]: point for point in body["points"]})
            return _ok({"operation_id": 1, "status": "completed"})
        if (method, rest) == ("POST", "/points"):
            found = [points[id_] for id_ in body["ids"] if id_ in points]
            return _ok([{"id": point["id"], "payload": point["payload"]} for point in found])
        raise AssertionError(f"nobody recorded {method} {rest} of the probing points")


def _ok(result: Json) -> Answer:
    return Answer(200, {"result": result, "status": "ok", "time": 0.0})
