"""How long things take, seconds of the real server times STANDIN_PACE (1 if not set).

Sources: measured on Qdrant 1.18.3 (README.md). Time-outs below 0.3 s are not scaled further: on a
busy machine they would hit healthy peers.
"""

from __future__ import annotations

import os

PACE = float(os.environ.get("STANDIN_PACE", "1"))
_SHORTEST_WAIT = 0.3

TICK = 0.05 * PACE
HEARTBEAT = max(0.2 * PACE, 0.03)
RAFT_TIMEOUT = max(1.0 * PACE, _SHORTEST_WAIT)
ELECTION = max(5.0 * PACE, 2.5 * _SHORTEST_WAIT)
ELECTION_STEP = max(1.0 * PACE, 0.2)
FIRST_ELECTION = max(0.4 * PACE, 0.1)
REFUSED_WRITE = 0.42 * PACE
CUT_WRITE = 7.5 * PACE
FROZEN_WRITE = max(9.5 * PACE, 2 * _SHORTEST_WAIT)
READ_TIMEOUT = max(5.0 * PACE, 1.0)
BOOTSTRAP = max(15.0 * PACE, 3.0)
LONELY = 1.0 * PACE
TRANSFER = 0.3 * PACE
RECOVERY_LOOP = max(0.2 * PACE, 0.05)
DEACTIVATION = 30.0 * PACE
STOP_LEAST = 0.3 * PACE
STOP_IDLE = 5.0 * PACE
STOP_MOST = 30.0 * PACE


def scaled(seconds: float) -> float:
    """A time-out that a request named, in the pace of this stand-in."""
    return max(seconds * PACE, 0.2)
