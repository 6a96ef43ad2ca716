"""The recorded situations, by name: how the stand-in is brought into each.

Each is a function that takes a stage whose first peer leads, and checks its recordings.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .cluster import until
from .faults import (
    alone,
    consensus_stopped,
    dead_peer,
    disk_full,
    diverged,
    frozen,
    leader_cut,
    no_quorum,
    timed_out,
)
from .membership import enforced, lost_volume, removed, rogue, upgrade
from .recorded import Stage
from .views import commits_agree, create

Json = Any
Situation = Callable[[Stage], None]


def healthy(stage: Stage) -> None:
    create(stage)
    until(lambda: commits_agree(stage), "every peer has the same commit")
    for peer in (1, 2, 3):
        stage.check(f"healthy-cluster-from-{peer}")
        stage.check(f"healthy-collection-cluster-from-{peer}")
    for name in ("collection", "readyz", "metrics", "telemetry"):
        stage.check(f"healthy-{name}")
    stage.check("cluster-telemetry")
    stage.check("create-factor-too-high")
    stage.check("factor-too-high-cluster")
    stage.check("raise-factor")
    stage.check("after-raise-factor")
    stage.check("aliases-before")


def snapshots(stage: Stage) -> None:
    create(stage)
    made = Path(stage.cluster[0].directory) / "snapshots"
    time.sleep(1.02 - time.time() % 1)  # the names have a resolution of one second
    stage.check("snapshot")
    stage.check("snapshots-of-1")
    stage.check("snapshots-of-2")
    stage.check("full-snapshot-in-cluster")
    stage.check("snapshots-after-full")
    stage.check("snapshot-again")
    [kept] = (made / "coding").glob("*.snapshot")
    location = f"file://{kept}"
    wrong = {"location": location, "checksum": "0" * 64}
    stage.check("recover-bad-checksum", body=wrong)
    stage.check("recover-missing", body={"location": location + "x"})
    recovered = stage.cluster[0].request(
        "PUT", "/collections/restored2/snapshots/recover?wait=true", {"location": location}
    )
    assert recovered.result is True
    stage.check("aliases-before")
    stage.check("alias-switch")
    shutil.rmtree(made)


STARTED_WITH: dict[str, Json] = {
    "rogue": {"peers": 2, "api_key": "admin-key"},
    "enforced": {
        "peers": 2,
        "api_key": "admin-key",
        "service": {"enforce_internal_auth": True},
    },
}
"""What a situation's cluster is started with; three open peers where nothing is said."""

SITUATIONS: dict[str, Situation] = {
    one.__name__: one
    for one in (
        healthy,
        dead_peer,
        no_quorum,
        timed_out,
        alone,
        frozen,
        leader_cut,
        removed,
        lost_volume,
        disk_full,
        consensus_stopped,
        diverged,
        upgrade,
        snapshots,
        rogue,
        enforced,
    )
}
