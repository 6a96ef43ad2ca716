"""Recorded peers as doctor asks them: also for what proves little, which no gate asks."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sophia_cli.checks.qdrant.hearing import Hearing, Wanted, hear
from sophia_cli.ops.qdrant.answers import cluster_view
from sophia_cli.ops.qdrant.asks import Answer, Peer, Silence
from tests.ops.qdrant.recorded import FIXTURES, PEERS, Recorded, recording

LISTED = Wanted(
    listed=True,
    clustered=True,
    collections=("sophia_coding", "sophia_business"),
    factor=3,
    keyed=True,
)
# What every healthy server answers to these, as recorded.
_USUAL = {
    "/readyz": ("cluster", "healthy-readyz"),
    "/healthz": ("single", "healthz"),
    "/livez": ("single", "livez"),
    "/issues": ("single", "issues-empty"),
    "/metrics": ("cluster", "healthy-metrics"),
    "/telemetry": ("cluster", "healthy-telemetry"),
}


def answer_of(directory: str, name: str) -> Answer:
    """A recorded answer."""
    said = json.loads((FIXTURES / directory / f"{name}.json").read_text())["response"]
    return Answer(said["status"], said["body"])


@dataclass
class DoctorsRecorded(Recorded):
    """See `Recorded`; fails on a question that neither it nor this was told of.

    Where only one peer was recorded, those who are one cluster with it see the same as it does,
    and whom each of them reaches is what follows from that.

    Args:
        instead: answers that take the place of others, by host and path.
        apart: hosts that see what they see for themselves.
        like: by host, the recorded one that it sees the same as; by default the first.
        mended: whether failures to send are of a peer that is gone: all who answer are reached.
        version: what the servers run that were not recorded.
    """

    instead: dict[tuple[str, str], Answer | Silence] = field(default_factory=dict)
    apart: Sequence[str] = ()
    like: Mapping[str, str] = field(default_factory=dict)
    mended: bool = False
    version: str = "1.18.3"

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = 5.0
    ) -> Answer | Silence:
        """See `Asks`."""
        if peer.host in self.silent:
            return self.silent[peer.host]
        plain = urlsplit(path).path
        if (given := self.instead.get((peer.host, plain))) is not None:
            return given
        if (found := self._recording(peer.host, method, plain)) is not None:
            return found
        if method == "GET" and (seen := self._as_another(peer, plain)) is not None:
            return seen
        if plain == "/":
            return Answer(200, {"title": "qdrant - vector search engine", "version": self.version})
        if plain == "/cluster/telemetry":
            return self._reached_by(peer)
        if plain in _USUAL:
            return answer_of(*_USUAL[plain])
        if method == "GET" and plain.endswith("/snapshots"):
            return answer_of("cluster", "snapshots-of-2")
        if method == "POST" and plain.endswith("/points/count"):
            return self._counted(peer, plain.removesuffix("/points/count"))
        return super().ask(peer, method, path, body, timeout)

    def _recording(self, host: str, method: str, path: str) -> Answer | None:
        for name in self.names:
            each = recording(name)
            if (each.host, each.method, urlsplit(each.path).path) == (host, method, path):
                return each.answer
        return None

    def _as_another(self, peer: Peer, path: str) -> Answer | None:
        """What one that was recorded sees, with this one's eyes."""
        if peer.host in self.apart:
            return None
        hosts = [other.host for other in self.peers if other.host not in self.apart]
        for host in [self.like[peer.host]] if peer.host in self.like else hosts:
            if (found := self._recording(host, "GET", path)) is None:
                continue
            if path == "/cluster":
                return self._own_view(peer, found)
            if path.startswith("/collections/") and path.endswith("/cluster"):
                return self._own_replicas(peer, found)
            if path.startswith("/collections"):
                return found
        return None

    def _own_view(self, peer: Peer, found: Answer) -> Answer:
        body = copy.deepcopy(found.body)
        result, own = body["result"], self.ids[peer.host]
        result["peer_id"] = own
        leads = result["raft_info"]["leader"] == own
        result["raft_info"]["role"] = "Leader" if leads else "Follower"
        result["message_send_failures"].pop(f"{peer.uri}/", None)
        return Answer(found.status, body)

    def _own_replicas(self, peer: Peer, found: Answer) -> Answer:
        body = copy.deepcopy(found.body)
        result, own = body["result"], self.ids[peer.host]
        other, counts = result["peer_id"], {}
        shards = []
        for one in result["local_shards"]:
            counts[one["shard_id"]] = one["points_count"]
            shards.append((one["shard_id"], other, one["state"]))
        shards += [
            (one["shard_id"], one["peer_id"], one["state"]) for one in result["remote_shards"]
        ]
        result["peer_id"] = own
        result["local_shards"] = [
            {"shard_id": shard, "points_count": counts[shard], "state": state}
            for shard, holder, state in shards
            if holder == own
        ]
        result["remote_shards"] = [
            {"shard_id": shard, "peer_id": holder, "state": state}
            for shard, holder, state in shards
            if holder != own
        ]
        return Answer(found.status, body)

    def _reached_by(self, peer: Peer) -> Answer:
        """Whom a peer reaches: whoever answers, and to whom nothing failed lately."""
        view = cluster_view(_result(self.ask(peer, "GET", "/cluster")))
        fresh = {each.uri for each in view.failures if each.age is None or each.age < 10}
        fresh = set() if self.mended else fresh
        shown = {}
        for id_, uri in view.peers.items():
            host = next((each.host for each in self.peers if each.uri == uri), "")
            there = bool(host) and host not in self.silent and uri not in fresh
            shown[id_] = {"uri": f"{uri}/", "responsive": there, "details": None}
            if there:
                own = _result(self.ask(self._peer(host), "GET", "/cluster"))
                if own["status"] != "enabled":
                    shown[id_]["responsive"] = False
                    continue
                raft = own["raft_info"]
                shown[id_]["details"] = {
                    "version": self.version,
                    "role": raft["role"],
                    "is_voter": raft["is_voter"],
                    "term": raft["term"],
                    "commit": raft["commit"],
                    "num_pending_operations": raft["pending_operations"],
                    "consensus_thread_status": own["consensus_thread_status"],
                }
        told = {"enabled": True, "number_of_peers": len(shown), "peers": shown}
        return Answer(200, {"result": {"collections": {}, "cluster": told}})

    def _peer(self, host: str) -> Peer:
        return next(peer for peer in self.peers if peer.host == host)

    def _counted(self, peer: Peer, collection: str) -> Answer:
        """A peer of a collection that it has whole counts its own replicas."""
        shards = _result(self.ask(peer, "GET", f"{collection}/cluster"))["local_shards"]
        return Answer(200, {"result": {"count": sum(one["points_count"] for one in shards)}})


def _result(said: Answer | Silence) -> Any:
    assert isinstance(said, Answer)
    return said.result


def door(_: Peer, key: str | None) -> Answer | Silence:
    """A server with a key, as recorded."""
    return answer_of("auth", "none-collections" if key is None else "wrong-collections")


def heard(asks: Any, peers: tuple[Peer, ...] = PEERS, wanted: Wanted = LISTED) -> Hearing:
    """What these peers say to a doctor who does not wait between two looks."""
    return hear(asks, peers, wanted, door, pause=0.0)
