"""The Qdrant cluster: what each peer says, held against what the others say.

What one peer says of itself proves little: it is ready without a quorum, and green on a full disk.
"""

from __future__ import annotations

from sophia_cli.checks.check import Check
from sophia_cli.checks.qdrant import (
    collections,
    consensus,
    containers,
    counts,
    doors,
    membership,
    quorum,
    replicas,
    room,
    versions,
)

CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (
            *membership.CHECKS,
            *versions.CHECKS,
            *consensus.CHECKS,
            *quorum.CHECKS,
            *replicas.CHECKS,
            *counts.CHECKS,
            *collections.CHECKS,
            *room.CHECKS,
            *doors.CHECKS,
            *containers.CHECKS,
        ),
        key=lambda check: check.number,
    )
)
