"""Who leads: the clock of consensus, and the candidates."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import pace
from .consensus import CANDIDATE, LEADER, Consensus
from .control import CONSENSUS_STOPPED, Control
from .links import Unreachable
from .refusals import Refusal


class Elections:
    """Waits for a leader's signs of life, and stands for election when they fail to come.

    The lowest id that is reachable wins as a rule: the higher ones wait longer.
    """

    def __init__(self, consensus: Consensus, control: Control) -> None:
        self._raft = consensus
        self._control = control

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        raft = self._raft
        with raft.changed:
            raft.heard = time.monotonic()
        quick_at: float | None = time.monotonic() + pace.FIRST_ELECTION
        while True:
            time.sleep(pace.TICK)
            if self._control.get(CONSENSUS_STOPPED):
                raft.fail()
            if not raft.working:
                return
            raft.touch()
            if raft.role == LEADER or not raft.is_voter:
                with raft.changed:
                    raft.heard = time.monotonic()
                continue
            if quick_at is not None and time.monotonic() > quick_at:
                quick_at = None
                if raft.role is None and self._nobody_leads():
                    self._stand()
            elif time.monotonic() - raft.heard > self._patience():
                self._stand()

    def _patience(self) -> float:
        with self._raft.changed:
            voters = sorted(peer for peer, one in self._raft.state.peers.items() if one.voter)
        return pace.ELECTION + pace.ELECTION_STEP * voters.index(self._raft.id)

    def _nobody_leads(self) -> bool:
        """Just started: whether a quorum answers, nobody leads, and this is the lowest of them."""
        others = self._others()
        answers = [one for one in self._ask("/raft/status", {}, others) if one is not None]
        return (
            2 * (len(answers) + 1) > len(others) + 1
            and not any(one["role"] == LEADER for one in answers)
            and all(one["peer"] > self._raft.id for one in answers)
        )

    def _others(self) -> list[str]:
        with self._raft.changed:
            return [
                one.uri
                for peer, one in self._raft.state.peers.items()
                if peer != self._raft.id and one.voter
            ]

    def _stand(self) -> None:
        raft = self._raft
        with raft.changed:
            raft.store.term += 1
            raft.store.vote = raft.id
            raft.store.save()
            raft.role, raft.leader = CANDIDATE, 0
            raft.heard = time.monotonic()
            term, log = raft.store.term, raft.store.log
            message = {
                "from": raft.id,
                "term": term,
                "last": len(log),
                "last_term": log[-1][0] if log else 0,
            }
        others = self._others()
        answers = [one for one in self._ask("/raft/vote", message, others) if one is not None]
        with raft.changed:
            for answer in answers:
                if answer["term"] > raft.store.term:
                    raft.follow(answer["term"], None)
            granted = 1 + sum(answer["granted"] for answer in answers)
            still = raft.role == CANDIDATE and raft.store.term == term and raft.working
            if still and 2 * granted > len(others) + 1:
                raft.lead()

    def _ask(self, path: str, message: Any, uris: list[str]) -> list[Any]:
        if not uris:
            return []
        with ThreadPoolExecutor(len(uris)) as pool:
            return list(pool.map(lambda uri: self._one(path, message, uri), uris))

    def _one(self, path: str, message: Any, uri: str) -> Any:
        try:
            answer = self._raft.links.of(uri).call(path, message, pace.RAFT_TIMEOUT)
        except Unreachable as error:
            if path == "/raft/vote":
                self._raft.failures.failed(uri, error.text)
            return None
        except Refusal as refusal:
            if path == "/raft/vote":
                self._raft.failures.failed(uri, refusal.error)
            return None
        return answer
