"""Each fault of the table is caught by the checks that it names, and no other cries wolf."""

from __future__ import annotations

from pathlib import Path

import pytest

from sophia_cli.checks.hosts import CHECKS as OF_HOSTS
from sophia_cli.checks.qdrant import CHECKS as OF_QDRANT
from tests.checks.cluster_scene import alarms, findings_of
from tests.checks.faults_cluster import FAULTS
from tests.checks.world import World

CHECKS = (*OF_QDRANT, *OF_HOSTS)


def test_a_healthy_cluster_raises_no_alarm(tmp_path: Path) -> None:
    with World().scene(tmp_path) as scene:
        assert alarms(scene, CHECKS) == {}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught_and_no_other_check_cries_wolf(name: str, tmp_path: Path) -> None:
    fault = FAULTS[name]
    world = World()
    fault.inject(world)
    with world.scene(tmp_path) as scene:
        said = "\n".join(
            f"{check.number} {finding.verdict.value} {finding.subject}: {finding.says}"
            for check in CHECKS
            for finding in findings_of(scene, check)
        )
        assert alarms(scene, CHECKS) == fault.alarms, said
        assert fault.words in said


def test_every_check_is_made_to_speak_by_some_fault() -> None:
    """But for those that recordings and running servers make speak."""
    spoken = {
        number
        for fault in FAULTS.values()
        for number, verdict in fault.alarms.items()
        if verdict != "unknown"
    }
    assert {check.number for check in CHECKS} == spoken
