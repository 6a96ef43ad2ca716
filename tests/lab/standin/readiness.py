"""`/readyz`: waits while a returned peer catches up, and then never says anything but yes."""

from __future__ import annotations

import threading
import time

from . import pace
from .cluster_state import ACTIVE
from .consensus import Consensus
from .links import Unreachable
from .refusals import Refusal


class Readiness:
    """Ready once, ready for ever: without a quorum, on a full disk, removed from the cluster."""

    def __init__(self, consensus: Consensus) -> None:
        self.ready = False
        self._raft = consensus

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        if self._raft.enabled:
            self._catch_up()
            while not self._shards_are_active():
                time.sleep(pace.TICK)
        self.ready = True

    def _catch_up(self) -> None:
        """Until what the others had committed is applied here; alone, for a second."""
        raft = self._raft
        with raft.changed:
            uris = [one.uri for peer, one in raft.state.peers.items() if peer != raft.id]
        wanted = 0
        for uri in uris:
            try:
                status = raft.links.of(uri).call("/raft/status", {}, pace.RAFT_TIMEOUT)
                wanted = max(wanted, status["commit"])
            except (Unreachable, Refusal):
                continue
        if uris and not wanted:
            time.sleep(pace.LONELY)
        while raft.applied < wanted and raft.working:
            time.sleep(pace.TICK)

    def _shards_are_active(self) -> bool:
        raft = self._raft
        with raft.changed:
            states = [
                replicas[raft.id]
                for collection in raft.state.collections.values()
                for replicas in collection.replicas.values()
                if raft.id in replicas
            ]
        # Those of a peer that is alone cannot be caught up: it is ready with them.
        return all(state == ACTIVE for state in states) or not raft.leader or not raft.working
