"""The port between peers: consensus, replicas, transfers. It asks for a key only where internal
authentication is enforced, as the real one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from . import pace, serde
from .arguments import VERSION
from .consensus import Consensus
from .control import Control
from .failures import now_ms
from .http_server import NoAnswer, Reply, Request
from .links import FROM_HEADER, STOPPED
from .local import LocalShards
from .refusals import DISK_FULL, Refusal, internal
from .transfers import method_for

Json = Any
_UNAUTHENTICATED = 401


class Internal:
    """Answers what other peers ask.

    Args:
        key: what they must show; None where internal authentication is not enforced.
    """

    def __init__(
        self,
        consensus: Consensus,
        local: LocalShards,
        control: Control,
        key: str | None,
        disk_is_full: Callable[[], bool],
    ) -> None:
        self._raft = consensus
        self._local = local
        self._control = control
        self._key = key
        self._disk_is_full = disk_is_full
        self._lifted = threading.Event()

    def handle(self, request: Request) -> Reply:
        """One message.

        Raises:
            NoAnswer: from a peer that this one is cut off from.
        """
        if self._control.is_cut_from(request.headers.get(FROM_HEADER, "")):
            self._lifted.wait(pace.FROZEN_WRITE)
            raise NoAnswer
        if self._key is not None and request.headers.get("api-key") != self._key:
            return _reply(_UNAUTHENTICATED, {"error": "Must provide an API key"})
        answer = getattr(self, request.path.replace("/", "_"), None)
        if answer is None:
            return _reply(404, {"error": f"no such message: {request.path}"})
        try:
            message = serde.loads(request.body)
            return _reply(200, answer(message, request.caller))
        except Refusal as refusal:
            return _reply(refusal.status, {"error": refusal.error})

    def _raft_append(self, message: Json, _: str) -> Json:
        return self._raft.on_append(message)

    def _raft_vote(self, message: Json, _: str) -> Json:
        with self._raft.changed:
            former = self._raft.state.peers.get(self._raft.leader or 0)
        answer = self._raft.on_vote(message)
        if answer["granted"] and former is not None:
            threading.Thread(target=self._raft.write_to, args=(former.uri,), daemon=True).start()
        return answer

    def _raft_message(self, _: Json, __: str) -> Json:
        if not self._raft.working:
            raise Refusal(409, STOPPED)
        return None

    def _raft_propose(self, message: Json, _: str) -> Json:
        return self._raft.take(message)

    def _raft_status(self, _: Json, __: str) -> Json:
        raft = self._raft
        with raft.changed:
            return {
                "peer": raft.id,
                "commit": raft.store.commit,
                "applied": raft.applied,
                "role": raft.role,
                "working": raft.working,
                "details": {
                    "version": VERSION,
                    "role": raft.role,
                    "is_voter": raft.is_voter,
                    "term": raft.store.term,
                    "commit": raft.store.commit,
                    "num_pending_operations": raft.pending,
                    "consensus_thread_status": raft.thread_status(now_ms()),
                },
            }

    def _raft_join(self, message: Json, caller: str) -> Json:
        """A new peer: refused when its address is another one's already."""
        raft = self._raft
        uri = message["uri"] or f"{message['scheme']}://{caller}:{message['port']}/"
        with raft.changed:
            known = {one.uri: peer for peer, one in raft.state.peers.items()}
        if known.get(uri, message["peer"]) != message["peer"]:
            raise Refusal(409, f"Peer URI {uri} is already used by peer {known[uri]}")
        raft.carry_out(
            {"kind": "add_peer", "peer": message["peer"], "uri": uri}, pace.BOOTSTRAP / pace.PACE
        )
        with raft.changed:
            peers = {str(peer): one.uri for peer, one in raft.state.peers.items()}
        return {"uri": uri, "peers": peers}

    def _replica_update(self, message: Json, _: str) -> Json:
        if self._disk_is_full():
            raise internal(DISK_FULL)
        return self._shard(message).apply(message)

    def _replica_read(self, message: Json, _: str) -> Json:
        return self._shard(message).read(message["what"], message["body"])

    def _replica_count(self, message: Json, _: str) -> Json:
        return self._shard(message).info().points_count

    def _transfer_method(self, message: Json, _: str) -> Json:
        return method_for(self._local.get(message["name"], message["shard"]), message["clocks"])

    def _transfer_clocks(self, message: Json, _: str) -> Json:
        return self._shard(message).newest

    def _transfer_empty(self, message: Json, _: str) -> Json:
        self._shard(message).restart_empty()

    def _transfer_complete(self, message: Json, _: str) -> Json:
        self._shard(message).complete(message["clocks"])

    def _shard(self, message: Json) -> Any:
        found = self._local.get(message["name"], message["shard"])
        if found is None:
            raise internal(f"Shard {message['shard']} is not found on peer {self._raft.id}")
        return found


def _reply(status: int, body: Json) -> Reply:
    return Reply(status, serde.dumps(body), "application/json")
