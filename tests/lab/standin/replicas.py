"""Writes to every replica, reads from as many as are asked for; through the peer that was asked."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import pace
from .cluster_state import ACTIVE, DEAD, INITIALIZING, PARTIAL
from .consensus import Consensus
from .control import LOSE_WRITES, Control
from .links import Link, Unreachable
from .local import LocalShards
from .refusals import DISK_FULL, Refusal, internal

Json = Any
_UPDATED = (ACTIVE, PARTIAL, INITIALIZING)
_DEACTIVATION_S = 30


class Replicas:
    """The replica sets as this peer coordinates them.

    Attributes:
        stopping: the process was told to end, and serves on. Acknowledged writes then do not reach
            every replica: that is what the real server loses when it is restarted undrained.
    """

    def __init__(
        self,
        consensus: Consensus,
        local: LocalShards,
        control: Control,
        disk_is_full: Callable[[], bool],
    ) -> None:
        self.stopping = False
        self._raft = consensus
        self._local = local
        self._control = control
        self._disk_is_full = disk_is_full
        self._turns: dict[tuple[str, int], threading.Lock] = {}
        self._turns_lock = threading.Lock()
        self._tick = 0
        self._pool = ThreadPoolExecutor(64)

    def write(self, name: str, shard: int, op: Json) -> int:
        """Applies an operation to every replica that takes writes.

        Returns:
            The operation's number.

        Raises:
            Refusal: too few replicas took it, and those that did keep it; or one that did not
                could not be deactivated.
        """
        if self._disk_is_full():
            raise internal(DISK_FULL)
        with self._turn(name, shard):
            states, factor = self._states(name, shard)
            targets = [peer for peer, state in states.items() if state in _UPDATED]
            if not any(states[peer] != INITIALIZING for peer in targets) and not targets:
                raise self._too_few(shard)
            need = min(factor, len(targets))
            message = {"name": name, "shard": shard, "op": op} | self._clock()
            lost = self._loses_to(targets)
            if lost is not None and len(targets) - 1 < need:
                kept = [peer for peer in targets if peer != lost]
                self._everywhere(kept, message)
                raise self._not_deactivated(shard)
            done, failed = self._everywhere(targets, message, lost)
            if len(done) < need:
                raise next(iter(failed.values()))
            self._deactivate(name, shard, list(failed))
            return max(done.values())

    def check_active(self, name: str, consistency: str) -> None:
        """Refuses a read of a collection that has too few active replicas of any shard.

        Raises:
            Refusal: it has.
        """
        with self._raft.changed:
            shards = {
                shard: list(states.values())
                for shard, states in self._raft.state.collection(name).replicas.items()
            }
        for shard, states in shards.items():
            if states.count(ACTIVE) < _factors(consistency, len(states))[0]:
                raise self._too_few(shard)

    def read(self, name: str, shard: int, what: str, body: Json, consistency: str = "1") -> Json:
        """Reads from this peer's own replica if it is active, else from another one.

        Raises:
            Refusal: too few active replicas, or none that answers.
        """
        states, _ = self._states(name, shard)
        active = sorted(
            (peer for peer, state in states.items() if state == ACTIVE),
            key=lambda peer: peer != self._raft.id,
        )
        factor, agreeing = _factors(consistency, len(states))
        if len(active) < factor:
            raise self._too_few(shard)
        answers, last = [], self._too_few(shard)
        for peer in active:
            try:
                answers.append(self._ask(peer, name, shard, what, body))
            except Refusal as refusal:
                if refusal.status < 500:
                    raise
                last = refusal
            if len(answers) == factor:
                return answers[0] if factor == 1 else _common(what, answers, agreeing)
        raise last

    def _states(self, name: str, shard: int) -> tuple[dict[int, str], int]:
        with self._raft.changed:
            collection = self._raft.state.collection(name)
            factor = collection.config["params"]["write_consistency_factor"]
            return dict(collection.replicas[shard]), factor

    def _turn(self, name: str, shard: int) -> threading.Lock:
        with self._turns_lock:
            return self._turns.setdefault((name, shard), threading.Lock())

    def _clock(self) -> Json:
        with self._turns_lock:
            self._tick = max(self._tick + 1, time.time_ns() // 1000)
            return {"clock": self._raft.id, "tick": self._tick}

    def _loses_to(self, targets: list[int]) -> int | None:
        """The replica that does not get what it is said to have; None as long as all is well."""
        others = [peer for peer in targets if peer != self._raft.id]
        if not others or not (self.stopping or self._control.get(LOSE_WRITES)):
            return None
        return max(others)

    def _everywhere(
        self, targets: list[int], message: Json, lost: int | None = None
    ) -> tuple[dict[int, int], dict[int, Refusal]]:
        """What was done where, and what failed where, own replica first.

        Raises:
            Refusal: the request itself is wrong.
        """
        ordered = sorted(targets, key=lambda peer: peer != self._raft.id)
        sent = {
            peer: self._pool.submit(
                self._update, peer, message | {"lost": True} if peer == lost else message
            )
            for peer in ordered
        }
        done: dict[int, int] = {}
        failed: dict[int, Refusal] = {}
        for peer, result in sent.items():
            try:
                done[peer] = result.result()
            except Refusal as refusal:
                if refusal.status < 500:
                    raise
                failed[peer] = refusal
        return done, failed

    def _update(self, peer: int, message: Json) -> int:
        if peer == self._raft.id:
            own: int = self._local_shard(message["name"], message["shard"]).apply(message)
            return own
        link = self._link(peer)
        cut = self._control.is_cut_from(link.uri)
        try:
            number: int = link.call(
                "/replica/update", message, pace.CUT_WRITE if cut else pace.FROZEN_WRITE
            )
        except Unreachable as error:
            if error.refused:
                time.sleep(pace.REFUSED_WRITE)  # it was tried again for so long
            raise _of_transport(error) from error
        return number

    def _ask(self, peer: int, name: str, shard: int, what: str, body: Json) -> Json:
        if peer == self._raft.id:
            return self._local_shard(name, shard).read(what, body)
        message = {"name": name, "shard": shard, "what": what, "body": body}
        try:
            return self._link(peer).call("/replica/read", message, pace.READ_TIMEOUT)
        except Unreachable as error:
            raise _of_transport(error) from error

    def _local_shard(self, name: str, shard: int) -> Any:
        found = self._local.get(name, shard)
        if found is None:
            raise internal(f"Shard {shard} is not found on peer {self._raft.id}")
        return found

    def _link(self, peer: int) -> Link:
        with self._raft.changed:
            known = self._raft.state.peers.get(peer)
        if known is None:
            raise internal(f"Peer {peer} is unknown")
        return self._raft.links.of(known.uri)

    def _deactivate(self, name: str, shard: int, failed: list[int]) -> None:
        for peer in failed:
            op = {"kind": "set_replica", "name": name, "shard": shard, "peer": peer, "state": DEAD}
            try:
                self._raft.carry_out(op, _DEACTIVATION_S)
            except Refusal as refusal:
                raise self._not_deactivated(shard) from refusal

    def _not_deactivated(self, shard: int) -> Refusal:
        return internal(
            f"Some replica of shard {shard} failed to apply operation and deactivation "
            f"timed out after {_DEACTIVATION_S}s"
        )

    def _too_few(self, shard: int) -> Refusal:
        return internal(
            f"The replica set for shard {shard} on peer {self._raft.id} "
            "does not have enough active replicas"
        )


def _of_transport(error: Unreachable) -> Refusal:
    return internal(f"Tonic status error: {error.text}")


def _factors(consistency: str, replicas: int) -> tuple[int, int]:
    """How many replicas are asked, and how many of those must have a point. A majority, too, is
    found by asking them all: with one that is not active there is no answer.
    """
    if consistency in ("all", "majority"):
        return replicas, replicas if consistency == "all" else replicas // 2 + 1
    asked = replicas // 2 + 1 if consistency == "quorum" else 1
    if consistency.isdigit():
        asked = max(1, min(int(consistency), replicas))
    return asked, asked


def _common(what: str, answers: list[Json], agreeing: int) -> Json:
    """What so many of them have: the rest is left out without a word."""
    if what == "query":
        return [_in_common(list(lists), agreeing) for lists in zip(*answers, strict=True)]
    if what == "retrieve":
        return _in_common(answers, agreeing)
    if what == "scroll":
        points = _in_common([one["points"] for one in answers], agreeing)
        return {**answers[0], "points": points}
    return answers[0]


def _in_common(lists: list[list[Json]], agreeing: int) -> list[Json]:
    found = {str(one["id"]): one for each in reversed(lists) for one in each}
    times = Counter(str(one["id"]) for each in lists for one in each)
    return [one for key, one in found.items() if times[key] >= agreeing]
