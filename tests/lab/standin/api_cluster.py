"""`/cluster` and `/collections/x/cluster`: what a peer believes, and moving replicas about."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from . import pace
from .cluster_state import ACTIVE, Collection
from .failures import now_ms
from .links import Unreachable
from .refusals import Refusal, bad_json, bad_request, not_told
from .routes import MANAGE, READ, Call, Route
from .transfers import SNAPSHOT

if TYPE_CHECKING:
    from .peer import Peer

Json = Any


def cluster_routes(peer: Peer) -> Sequence[Route]:
    """The endpoints of this room."""
    api = _Cluster(peer)
    of_collection = "/collections/{collection_name}/cluster"
    return [
        Route("GET", "/cluster", READ, api.status),
        Route("GET", "/cluster/telemetry", READ, api.telemetry),
        Route("DELETE", "/cluster/peer/{peer_id}", MANAGE, api.remove_peer),
        Route("GET", of_collection, READ, api.replicas),
        Route("POST", of_collection, MANAGE, api.move),
    ]


class _Cluster:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._raft = peer.consensus

    def status(self, _: Call) -> Json:
        raft = self._raft
        if not raft.enabled:
            return {"status": "disabled"}
        with raft.changed:
            return {
                "status": "enabled",
                "peer_id": raft.id,
                "peers": {str(peer): {"uri": one.uri} for peer, one in raft.state.peers.items()},
                "raft_info": {
                    "term": raft.store.term,
                    "commit": raft.store.commit,
                    "pending_operations": raft.pending,
                    "leader": raft.leader,
                    "role": raft.role,
                    "is_voter": raft.is_voter,
                },
                "consensus_thread_status": raft.thread_status(raft.last_update),
                "message_send_failures": raft.failures.listed(),
            }

    def telemetry(self, call: Call) -> Json:
        """Every peer asked at once."""
        raft = self._raft
        with raft.changed:
            peers = {peer: one.uri for peer, one in raft.state.peers.items()}
            names = sorted(raft.state.collections)
        wait = pace.scaled(float(call.query.get("timeout") or 60))
        with ThreadPoolExecutor(max(len(peers), 1)) as pool:
            asked = {
                peer: pool.submit(self._details, peer, uri, wait) for peer, uri in peers.items()
            }
        shown = {}
        for peer, answer in asked.items():
            details = answer.result()
            responsive = details is not None
            shown[str(peer)] = {"uri": peers[peer], "responsive": responsive, "details": details}
        return {
            "collections": {name: {"id": name} for name in names},
            "cluster": {"enabled": raft.enabled, "number_of_peers": len(peers), "peers": shown},
        }

    def _details(self, peer: int, uri: str, wait: float) -> Json:
        raft = self._raft
        if peer == raft.id:
            with raft.changed:
                return {
                    "version": raft.state.peers[peer].version or self._peer.version,
                    "role": raft.role,
                    "is_voter": raft.is_voter,
                    "term": raft.store.term,
                    "commit": raft.store.commit,
                    "num_pending_operations": raft.pending,
                    "consensus_thread_status": raft.thread_status(now_ms()),
                }
        try:
            return raft.links.of(uri).call("/raft/status", {}, wait)["details"]
        except (Unreachable, Refusal):
            return None

    def remove_peer(self, call: Call) -> Json:
        given = call.names["peer_id"]
        if not given.isdigit():
            raise Refusal(404, f'can not parse "{given}" to a u64')
        peer, raft = int(given), self._raft
        if not raft.enabled:
            raise bad_request("Distributed mode disabled.")
        with raft.changed:
            holds = any(
                peer in replicas
                for collection in raft.state.collections.values()
                for replicas in collection.replicas.values()
            )
        if holds and call.query.get("force") != "true":
            raise bad_request(f"Cannot remove peer {peer} as there are shards on it")
        return raft.carry_out({"kind": "remove_peer", "peer": peer}, call.timeout)

    def replicas(self, call: Call) -> Json:
        raft = self._raft
        with raft.changed:
            found = raft.state.collection(call.name)
            replicas = {shard: dict(states) for shard, states in found.replicas.items()}
            transfers = [
                self._transfer(found, one) for one in sorted(found.transfers, key=lambda t: t.shard)
            ]
        own = self._peer.local.of(found.name)
        return {
            "peer_id": raft.id,
            "shard_count": len(replicas),
            "local_shards": [
                {
                    "shard_id": shard,
                    "points_count": own[shard].info().points_count,
                    "state": states[raft.id],
                }
                for shard, states in replicas.items()
                if raft.id in states and shard in own
            ],
            "remote_shards": [
                {"shard_id": shard, "peer_id": peer, "state": state}
                for shard, states in replicas.items()
                for peer, state in states.items()
                if peer != raft.id
            ],
            "shard_transfers": transfers,
        }

    def _transfer(self, found: Collection, one: Any) -> Json:
        shown: Json = {
            "shard_id": one.shard,
            "from": one.source,
            "to": one.target,
            "sync": one.sync,
            "method": one.method,
        }
        now = time.monotonic()
        began = self._peer.transfers.began.get((found.name, one.shard, one.target), now)
        if one.source == self._raft.id and one.method == SNAPSHOT:
            shown["comment"] = f"recovering ({now - began:.2f}s)"
        return shown

    def move(self, call: Call) -> Json:
        with self._raft.changed:
            found = self._raft.state.collection(call.name)
        body = {key: value for key, value in call.body.items() if value is not None}
        if len(body) != 1:
            raise bad_json("data did not match any variant of untagged enum ClusterOperations")
        [(what, given)] = body.items()
        about = {"name": found.name, "shard": given.get("shard_id")}
        if what in ("replicate_shard", "move_shard"):
            return self._start(call, found, given, sync=what == "replicate_shard")
        if what == "drop_replica":
            op = {"kind": "drop_replica", "peer": given["peer_id"]}
        elif what == "abort_transfer":
            op = {"kind": "transfer_abort", "target": given["to_peer_id"]}
        else:
            raise not_told(what)
        return self._raft.carry_out(op | about, call.timeout)

    def _start(self, call: Call, found: Collection, given: Json, sync: bool) -> Json:
        source, target = given["from_peer_id"], given["to_peer_id"]
        shard = given["shard_id"]
        with self._raft.changed:
            peers = set(self._raft.state.peers)
            states = dict(found.replicas.get(shard) or {})
        for peer in (target, source):
            if peer not in peers:
                raise bad_request(f"Peer {peer} does not exist")
        if not states:
            raise bad_request(f"Shard {shard} does not exist")
        if states.get(source) != ACTIVE:
            raise bad_request(f"Shard {shard} is not active on peer {source}")
        if not sync and target in states:
            raise bad_request(f"Shard {shard} is already on peer {target}")
        op = {
            "kind": "transfer_start",
            "name": found.name,
            "shard": shard,
            "source": source,
            "target": target,
            "method": given.get("method") or SNAPSHOT,
            "sync": sync,
        }
        return self._raft.carry_out(op, call.timeout)
