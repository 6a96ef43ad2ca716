"""What a leader sends: entries and signs of life, one thread a peer; and what followers pass on."""

from __future__ import annotations

import threading
import time
from typing import Any

from . import pace
from .cluster_state import Peer
from .consensus import LEADER, Consensus
from .links import Unreachable
from .refusals import Refusal


class Leading:
    """The threads that send. They run on every peer, and are idle where it does not lead."""

    def __init__(self, consensus: Consensus) -> None:
        self._raft = consensus
        self._matched: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._told: dict[int, int] = {}
        self._sending: set[int] = set()
        self._led_term = -1

    def start(self) -> None:
        threading.Thread(target=self._watch, daemon=True).start()
        threading.Thread(target=self._pass_on, daemon=True).start()

    def _watch(self) -> None:
        """Sees to it that each peer has its thread, and promotes those that have caught up."""
        raft = self._raft
        while True:
            with raft.changed:
                raft.changed.wait(pace.TICK)
                if not raft.working:
                    return
                if raft.role != LEADER:
                    continue
                if self._led_term != raft.store.term:
                    self._led_term = raft.store.term
                    self._matched, self._next, self._told = {}, {}, {}
                for peer in set(raft.state.peers) - self._sending - {raft.id}:
                    self._sending.add(peer)
                    threading.Thread(target=self._send, args=(peer,), daemon=True).start()
                self._commit()
                self._promote()

    def _send(self, peer: int) -> None:
        raft = self._raft
        last_sent = 0.0
        while True:
            with raft.changed:
                known = raft.state.peers.get(peer)
                if known is None or not raft.working or raft.role != LEADER:
                    break
                uri = known.uri
                raft.changed.wait_for(
                    lambda: (
                        not raft.working
                        or peer not in raft.state.peers
                        or self._next.get(peer, 0) < len(raft.store.log)
                        or self._told.get(peer) != raft.store.commit
                    ),
                    max(0.0, pace.HEARTBEAT - (time.monotonic() - last_sent)),
                )
                if raft.role != LEADER:
                    break
                message = self._message(peer)
            last_sent = time.monotonic()
            if not self._deliver(peer, uri, message):
                time.sleep(pace.HEARTBEAT)
        if raft.role == LEADER:
            # A last word, to a peer that was removed or from a leader that stops: the commit.
            with raft.changed:
                message = self._message(peer)
                gone = known.uri if known else self._last_uri(peer)
            if gone:
                self._deliver(peer, gone, message, last=True)
        with raft.changed:
            self._sending.discard(peer)

    def _last_uri(self, peer: int) -> str | None:
        added = [op for _, op in self._raft.store.log if op["kind"] == "add_peer"]
        uris = [op["uri"] for op in added if op["peer"] == peer]
        return uris[-1] if uris else None

    def _message(self, peer: int) -> dict[str, Any]:
        raft = self._raft
        log = raft.store.log
        before = self._next.setdefault(peer, len(log))
        before = min(before, len(log))
        return {
            "from": raft.id,
            "term": raft.store.term,
            "before": before,
            "before_term": log[before - 1][0] if before else 0,
            "entries": log[before:],
            "commit": raft.store.commit,
        }

    def _deliver(self, peer: int, uri: str, message: dict[str, Any], last: bool = False) -> bool:
        raft = self._raft
        try:
            answer = raft.links.of(uri).call("/raft/append", message, pace.RAFT_TIMEOUT)
        except (Unreachable, Refusal) as error:
            if not last:
                raft.failures.failed(uri, str(error))
            return False
        raft.failures.arrived(uri)
        with raft.changed:
            if answer["term"] > raft.store.term:
                raft.follow(answer["term"], None)
                return False
            if message["term"] != raft.store.term or raft.role != LEADER:
                return False
            self._next[peer] = answer["last"]
            if answer["ok"]:
                self._told[peer] = message["commit"]
                self._matched[peer] = answer["last"]
                self._commit()
            return True

    def _commit(self) -> None:
        """Commits what more than half of the voters have, if it is of this term."""
        raft = self._raft
        if not raft.working:
            return
        voters = [peer for peer, one in raft.state.peers.items() if one.voter]
        have = [
            len(raft.store.log) if peer == raft.id else self._matched.get(peer, 0)
            for peer in voters
        ]
        commit = sorted(have, reverse=True)[len(voters) // 2] if voters else 0
        if commit > raft.store.commit and raft.store.log[commit - 1][0] == raft.store.term:
            raft.advance(commit)

    def _promote(self) -> None:
        raft = self._raft
        for peer, one in list(raft.state.peers.items()):
            caught_up = self._matched.get(peer, 0) >= raft.store.commit > 0
            if not one.voter and caught_up and not self._promoting(peer):
                raft.take({"kind": "promote", "peer": peer, "uid": f"promote-{peer}"})

    def _promoting(self, peer: int) -> bool:
        uncommitted = self._raft.store.log[self._raft.store.commit :]
        return any(op["kind"] == "promote" and op["peer"] == peer for _, op in uncommitted)

    def _pass_on(self) -> None:
        """Gives the leader what was asked of this peer, until there is one that takes it."""
        raft = self._raft
        while True:
            with raft.changed:
                raft.changed.wait_for(
                    lambda: not raft.working or (raft.queue and raft.leader), pace.HEARTBEAT
                )
                if not raft.working:
                    return
                while raft.role == LEADER and raft.queue:
                    raft.take(raft.queue.pop(0))
                leader: Peer | None = raft.state.peers.get(raft.leader or 0)
                if not raft.queue or leader is None:
                    if raft.queue:
                        raft.changed.wait(pace.HEARTBEAT)
                    continue
                op = raft.queue[0]
            try:
                taken = raft.links.of(leader.uri).call("/raft/propose", op, pace.RAFT_TIMEOUT)
            except (Unreachable, Refusal):
                taken = False
            with raft.changed:
                if taken and op in raft.queue:
                    raft.queue.remove(op)
            if not taken:
                time.sleep(pace.HEARTBEAT)
