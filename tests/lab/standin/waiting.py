"""After an operation: until every peer has applied it, or the time that was given is over."""

from __future__ import annotations

import time

from . import pace
from .cluster_state import INITIALIZING
from .consensus import Consensus
from .links import Unreachable
from .refusals import Refusal


def wait_for_everyone(raft: Consensus, timeout: float) -> None:
    """Returns also when a peer does not answer for all of `timeout`: nobody is told."""
    until = time.monotonic() + pace.scaled(timeout)
    with raft.changed:
        index = raft.applied
        uris = [one.uri for peer, one in raft.state.peers.items() if peer != raft.id]
    for uri in uris if raft.enabled else []:
        while not _has_applied(raft, uri, index) and time.monotonic() < until:
            time.sleep(pace.TICK)
    while not _activated(raft) and time.monotonic() < until:
        time.sleep(pace.TICK)


def _has_applied(raft: Consensus, uri: str, index: int) -> bool:
    try:
        status = raft.links.of(uri).call("/raft/status", {}, pace.RAFT_TIMEOUT)
    except (Unreachable, Refusal):
        return False
    applied: int = status["applied"]
    return applied >= index


def _activated(raft: Consensus) -> bool:
    with raft.changed:
        return not any(
            state == INITIALIZING
            for collection in raft.state.collections.values()
            for replicas in collection.replicas.values()
            for state in replicas.values()
        )
