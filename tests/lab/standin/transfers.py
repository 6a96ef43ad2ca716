"""What a replica lacks brought to it: by the operations that it missed, or by all points anew."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

from . import pace
from .cluster_state import ACTIVE, DEAD, INITIALIZING, Transfer
from .consensus import Consensus
from .control import HOLD_TRANSFERS, Control
from .links import Link, Unreachable
from .local import LocalShards
from .refusals import Refusal, internal
from .shard import LocalShard

Json = Any
DELTA, RECORDS, SNAPSHOT = "wal_delta", "stream_records", "snapshot"
_ROUNDS = 5
_FEW = 64
_GIVE_UP_S = 5.0


class Transfers:
    """The loop of one peer: activates new replicas, asks for dead ones, sends what others lack."""

    def __init__(self, consensus: Consensus, local: LocalShards, control: Control) -> None:
        self._raft = consensus
        self._local = local
        self._control = control
        self._running: set[tuple[str, int, int]] = set()
        self.began: dict[tuple[str, int, int], float] = {}
        self._asked: dict[tuple[str, int], float] = {}
        self._silent_since: dict[int, float] = {}

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while self._raft.working:
            time.sleep(pace.RECOVERY_LOOP)
            if self._raft.role is not None or not self._raft.enabled:
                with contextlib.suppress(Refusal):  # no quorum: the next round tries again
                    self._round()

    def _round(self) -> None:
        me = self._raft.id
        with self._raft.changed:
            mine = [
                (name, shard, dict(replicas))
                for name, collection in self._raft.state.collections.items()
                for shard, replicas in sorted(collection.replicas.items())
                if me in replicas
            ]
            moving = [
                (name, one)
                for name, collection in self._raft.state.collections.items()
                for one in collection.transfers
            ]
        for name, shard, replicas in mine:
            asked = self._asked.get((name, shard), 0.0)
            if replicas[me] == INITIALIZING and time.monotonic() - asked > pace.LONELY:
                self._asked[name, shard] = time.monotonic()
                op = _op("set_replica", name, shard, peer=me, state=ACTIVE)
                self._raft.ask_for(op | {"from": INITIALIZING})
        for name, one in moving:
            if one.source == me and (name, one.shard, one.target) not in self._running:
                self._running.add((name, one.shard, one.target))
                threading.Thread(target=self._send, args=(name, one), daemon=True).start()
            if one.target == me and self._is_silent(one.source):
                self._raft.carry_out(_op("transfer_abort", name, one.shard, target=me))
        if not any(one.target == me for _, one in moving):
            for name, shard, replicas in mine:
                if replicas[me] == DEAD and self._request(name, shard, replicas):
                    return

    def _request(self, name: str, shard: int, replicas: dict[int, str]) -> bool:
        """Asks for what a dead replica lacks; False when no active one answers."""
        local = self._local.get(name, shard)
        for source in sorted(peer for peer, state in replicas.items() if state == ACTIVE):
            clocks = local.newest if local and not local.incomplete else {}
            body = {"name": name, "shard": shard, "clocks": clocks}
            try:
                method = self._link(source).call("/transfer/method", body, pace.RAFT_TIMEOUT)
            except (Unreachable, Refusal):
                continue
            self._raft.carry_out(
                _op("transfer_start", name, shard, source=source, target=self._raft.id)
                | {"method": method}
            )
            return True
        return False

    def _send(self, name: str, transfer: Transfer) -> None:
        key = (name, transfer.shard, transfer.target)
        self.began[key] = time.monotonic()
        about = {"shard": transfer.shard, "target": transfer.target}
        try:
            self._bring(name, transfer)
            index = self._raft.store.commit
            self._raft.carry_out({"kind": "transfer_partial", "name": name} | about)
            self._wait_for_all(index)
            self._raft.carry_out({"kind": "transfer_finish", "name": name} | about)
        except (Unreachable, Refusal):
            with contextlib.suppress(Refusal):
                self._raft.carry_out({"kind": "transfer_abort", "name": name} | about)
        finally:
            local = self._local.get(name, transfer.shard)
            if local is not None:
                with local.lock:
                    local.forward = None
            self._running.discard(key)

    def _bring(self, name: str, transfer: Transfer) -> None:
        link, local = self._link(transfer.target), self._local.get(name, transfer.shard)
        if local is None:
            raise internal(f"Shard {transfer.shard} is not found on peer {self._raft.id}")
        place = {"name": name, "shard": transfer.shard}
        if transfer.method == DELTA:
            self._bring_missed(local, link, place)
        else:
            self._bring_all(local, link, place)
        time.sleep(pace.TRANSFER)
        while self._control.get(HOLD_TRANSFERS):
            time.sleep(pace.TICK)

    def _bring_missed(self, local: LocalShard, link: Link, place: Json) -> None:
        clocks = link.call("/transfer/clocks", place, pace.READ_TIMEOUT)
        for turn in range(_ROUNDS):
            missing = local.missing_since(clocks)
            if missing is None:
                raise internal("the log does not reach back")
            if len(missing) <= _FEW or turn == _ROUNDS - 1:
                break
            _send_all(link, place, missing)
            for one in missing:
                clocks[str(one["clock"])] = max(clocks.get(str(one["clock"]), 0), one["tick"])
        with local.lock:
            _send_all(link, place, local.missing_since(clocks) or [])
            local.forward = _forwarding(link, place)

    def _bring_all(self, local: LocalShard, link: Link, place: Json) -> None:
        with local.lock:
            clocks = dict(local.newest)
            link.call("/transfer/empty", place, pace.READ_TIMEOUT)
            local.forward = _forwarding(link, place)
        pages = local.pages()
        while True:
            with local.lock:
                page = next(pages, None)
                if page is None:
                    link.call("/transfer/complete", place | {"clocks": clocks}, pace.READ_TIMEOUT)
                    return
                op = {"kind": "upsert", "points": _as_points(page)}
                message = place | {"op": op, "clock": self._raft.id, "tick": 0}
                link.call("/replica/update", message, pace.FROZEN_WRITE)

    def _wait_for_all(self, index: int) -> None:
        """Until every peer that answers has applied what this one has."""
        with self._raft.changed:
            uris = [
                one.uri for peer, one in self._raft.state.peers.items() if peer != self._raft.id
            ]
        until = time.monotonic() + pace.scaled(10)
        for uri in uris:
            while time.monotonic() < until:
                try:
                    status = self._raft.links.of(uri).call("/raft/status", {}, pace.RAFT_TIMEOUT)
                except (Unreachable, Refusal):
                    break
                if status["applied"] > index or not status["working"]:
                    break
                time.sleep(pace.TICK)

    def _is_silent(self, peer: int) -> bool:
        try:
            self._link(peer).call("/raft/status", {}, pace.RAFT_TIMEOUT)
        except (Unreachable, Refusal):
            since = self._silent_since.setdefault(peer, time.monotonic())
            return time.monotonic() - since > pace.scaled(_GIVE_UP_S)
        self._silent_since.pop(peer, None)
        return False

    def _link(self, peer: int) -> Link:
        with self._raft.changed:
            known = self._raft.state.peers.get(peer)
        if known is None:
            raise internal(f"Peer {peer} is unknown")
        return self._raft.links.of(known.uri)


def method_for(local: LocalShard | None, clocks: Json) -> str:
    """How a replica with these clocks can be caught up from `local`."""
    if local is None or (clocks == {} and local.newest):
        return RECORDS
    return DELTA if local.missing_since(clocks) is not None else RECORDS


def _op(kind: str, name: str, shard: int, **given: Any) -> Json:
    return {"kind": kind, "name": name, "shard": shard, **given}


def _send_all(link: Link, place: Json, missing: list[Json]) -> None:
    for one in missing:
        link.call("/replica/update", place | one, pace.FROZEN_WRITE)


def _forwarding(link: Link, place: Json) -> Any:
    def forward(message: Json) -> None:
        if not message.get("lost"):
            kept = {key: message[key] for key in ("op", "clock", "tick")}
            # The transfer itself notices a peer that does not answer.
            with contextlib.suppress(Unreachable, Refusal):
                link.call("/replica/update", place | kept, pace.FROZEN_WRITE)

    return forward


def _as_points(page: list[Json]) -> list[Json]:
    return [
        {
            "id": one["id"],
            "vector": one["vector"] if isinstance(one["vector"], dict) else {"": one["vector"]},
            "payload": one["payload"],
        }
        for one in page
    ]
