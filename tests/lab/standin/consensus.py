"""Consensus of the peers: a small Raft, with its log, its commit and what it has applied.

It shows what the real one shows: a leader without a quorum goes on leading, an operation that was
not committed in time is committed later, a peer that was removed stops and lives on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from . import pace
from .cluster_state import ClusterState, NotApplicable, Peer
from .failures import SendFailures, now
from .links import STOPPED, Links, Unreachable
from .raft_store import Op, RaftStore
from .refusals import CONSENSUS_ERROR, Refusal, timed_out

LEADER, FOLLOWER, CANDIDATE = "Leader", "Follower", "Candidate"
WORKING, ENDED, FAILED = "working", "stopped", "stopped_with_err"


class Consensus:
    """One peer's part of it. `changed` guards everything here and the agreed state.

    Args:
        store: what is kept on disk.
        links: to the other peers.
        enabled: False for a server that is no cluster: its operations are done at once.
        applied: called after each entry, with it.
    """

    def __init__(
        self,
        store: RaftStore,
        links: Links,
        enabled: bool,
        applied: Callable[[Op], None],
    ) -> None:
        self.store = store
        self.links = links
        self.enabled = enabled
        self.changed = threading.Condition(threading.RLock())
        self.state = ClusterState()
        self.failures = SendFailures()
        self.role: str | None = None
        self.leader: int | None = None
        self.status = WORKING
        self.applied = 0
        self.last_update = now()
        self.updated_at = time.time()
        self.heard = 0.0
        self.queue: list[Op] = []
        self._after = applied
        self._awaited: set[str] = set()
        self._results: dict[str, Any] = {}
        self._done: set[str] = set()

    @property
    def id(self) -> int:
        return self.store.peer_id

    @property
    def working(self) -> bool:
        return self.status == WORKING

    @property
    def is_voter(self) -> bool:
        return self.id in self.state.peers and self.state.peers[self.id].voter

    def replay(self) -> None:
        """Applies what was committed before this process; peers that were told of are known first.

        Raises:
            NotApplicable: an entry that no peer can apply.
        """
        self.state.peers = {peer: Peer(uri, True) for peer, uri in self.store.peers.items()}
        self.state.peers.setdefault(self.id, Peer(self.store.uri, True))
        if not self.enabled and self.store.fresh:
            self.store.save()
        while self.applied < self.store.commit and self.working:
            self._apply_next()

    def carry_out(self, op: Op, timeout: float = 10.0) -> Any:
        """Has an operation committed and waits until it is applied here.

        Args:
            timeout: seconds as the request named them; `pace` applies.

        Raises:
            Refusal: it cannot be done; or not in time, and then it may be done later.
        """
        op = {**op, "uid": uuid4().hex}
        with self.changed:
            self._awaited.add(op["uid"])
            self._submit(op)
            done = self.changed.wait_for(lambda: op["uid"] in self._results, pace.scaled(timeout))
            result = self._results.pop(op["uid"], None)
            self._awaited.discard(op["uid"])
        if not done:
            raise timed_out(timeout)
        if isinstance(result, Refusal):
            raise result
        return result

    def ask_for(self, op: Op) -> None:
        """Has an operation committed some time; what becomes of it is not waited for."""
        with self.changed:
            self._submit({**op, "uid": uuid4().hex})

    def take(self, op: Op) -> bool:
        """An operation that a follower passes on; False when this peer does not lead."""
        with self.changed:
            if self.role != LEADER or not self.working:
                return False
            if op["uid"] not in {each.get("uid") for _, each in self.store.log}:
                self._append([op])
            return True

    def lead(self) -> None:
        """Becomes the leader; the first one of a cluster writes itself into the log."""
        first = not self.store.log
        self.role, self.leader = LEADER, self.id
        entries: list[Op] = [{"kind": "noop"}]
        if first:
            uri = self.store.uri
            entries.append({"kind": "add_peer", "peer": self.id, "uri": uri, "voter": True})
        self._append(entries)
        self.changed.notify_all()

    def follow(self, term: int, leader: int | None) -> None:
        """Becomes a follower, of nobody yet if `leader` is None."""
        if term > self.store.term:
            self.store.term, self.store.vote = term, None
            self.store.save()
        if leader is not None or self.role == LEADER:
            self.role = FOLLOWER
            self.leader = leader
        self.changed.notify_all()

    def advance(self, commit: int) -> None:
        """Takes note of what is committed, and applies it."""
        if commit > self.store.commit:
            self.store.commit = commit
            self.store.save()
        while self.working and self.applied < self.store.commit:
            try:
                self._apply_next()
            except NotApplicable:
                self.status = FAILED
        self.changed.notify_all()

    def touch(self) -> None:
        """Consensus has done something."""
        self.last_update, self.updated_at = now(), time.time()

    def on_append(self, message: dict[str, Any]) -> dict[str, Any]:
        """Entries, or a sign of life, from a leader.

        Raises:
            Refusal: consensus has stopped here.
        """
        with self.changed:
            if not self.working:
                raise Refusal(409, STOPPED)
            if message["from"] not in self.state.peers or message["term"] < self.store.term:
                return {"term": self.store.term, "ok": False, "last": len(self.store.log)}
            self.follow(message["term"], message["from"])
            self.heard = time.monotonic()
            self.touch()
            before, log = message["before"], self.store.log
            if before > len(log) or (before and log[before - 1][0] != message["before_term"]):
                last = min(len(log), before) - 1 if before <= len(log) else len(log)
                return {"term": self.store.term, "ok": False, "last": max(last, 0)}
            entries = [(term, op) for term, op in message["entries"]]
            for at, (term, _) in enumerate(entries):
                position = before + at
                if position >= len(log) or log[position][0] != term:
                    if position < len(log):
                        self.store.cut(position)
                    self.store.append(entries[at:])
                    break
            self.advance(min(message["commit"], before + len(entries)))
            return {"term": self.store.term, "ok": True, "last": before + len(entries)}

    def on_vote(self, message: dict[str, Any]) -> dict[str, Any]:
        """A candidate asks. One that is no peer, or while a leader is heard, gets no answer to use.

        Raises:
            Refusal: consensus has stopped here.
        """
        with self.changed:
            if not self.working:
                raise Refusal(409, STOPPED)
            asking, term, log = message["from"], message["term"], self.store.log
            recent = time.monotonic() - self.heard < pace.ELECTION
            led = self.role == LEADER or (self.leader not in (None, 0, asking) and recent)
            if asking not in self.state.peers or led:
                return {"term": 0, "granted": False}
            self.follow(term, None)
            mine = (log[-1][0] if log else 0, len(log))
            granted = (
                term == self.store.term
                and self.store.vote in (None, asking)
                and (message["last_term"], message["last"]) >= mine
            )
            if granted:
                self.store.vote = asking
                self.store.save()
                self.heard = time.monotonic()
            return {"term": self.store.term, "granted": granted}

    def write_to(self, uri: str) -> None:
        """One message to a leader that is one no more: what becomes of it stays listed."""
        try:
            self.links.of(uri).call("/raft/message", {}, pace.RAFT_TIMEOUT)
        except Unreachable as error:
            self.failures.failed(uri, error.text)
        except Refusal as refusal:
            self.failures.failed(uri, refusal.error)

    def fail(self) -> None:
        """Ends as after an entry that cannot be applied."""
        with self.changed:
            if self.working:
                self.status = FAILED
                self.changed.notify_all()

    def end(self) -> None:
        """The process is about to end: consensus is the first to go."""
        with self.changed:
            self.status = ENDED
            self.changed.notify_all()

    def thread_status(self, when: str) -> dict[str, Any]:
        """`consensus_thread_status` as it is shown."""
        shown: dict[str, Any] = {"consensus_thread_status": self.status}
        if self.status == WORKING:
            shown["last_update"] = when
        if self.status == FAILED:
            shown["err"] = CONSENSUS_ERROR
        return shown

    @property
    def pending(self) -> int:
        return self.store.commit - self.applied

    def _submit(self, op: Op) -> None:
        if not self.enabled:
            self._append([op])
            self.advance(len(self.store.log))
        elif self.role == LEADER and self.working:
            self._append([op])
        elif self.working:
            self.queue.append(op)
        self.changed.notify_all()

    def _append(self, ops: list[Op]) -> None:
        self.store.append([(self.store.term, op) for op in ops])

    def _apply_next(self) -> None:
        _, op = self.store.log[self.applied]
        if op["kind"] == "remove_peer" and op["peer"] == self.id and self.enabled:
            self.state.peers = {self.id: Peer(self.store.uri, False)}
            self.status = ENDED
            return
        uid = op.get("uid")
        result: Any
        if uid in self._done:
            result = True
        else:
            try:
                result = self.state.apply(op)
            except Refusal as refusal:
                result = refusal
        self.applied += 1
        self._after(op)
        if uid is not None:
            self._done.add(uid)
            if uid in self._awaited:
                self._results[uid] = result
