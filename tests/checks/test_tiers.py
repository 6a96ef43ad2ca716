"""Each fault between the tiers is caught by its check and no other, and mended."""

from __future__ import annotations

import pytest

from sophia_cli.exit_status import ExitStatus
from sophia_cli.memory.model import KINDS
from tests.checks.stage import Stage
from tests.checks.tier_faults import FAULTS, Injected, live


def test_healthy_store_is_all_green(stage: Stage) -> None:
    stage.ask()
    assert stage.failing("TI", "RP") == set()
    assert stage.differs() == []


def test_empty_store_is_all_green(open_stage: Stage) -> None:
    open_stage.empty()
    assert open_stage.failing("TI", "RP") == set()
    assert open_stage.differs() == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_caught_by_its_check_and_no_other_and_mended(
    stage: Stage, fault: Injected
) -> None:
    fault.put(stage)
    before = {kind: live(stage, kind) for kind in KINDS}
    assert stage.failing("TI") == fault.caught
    assert bool(stage.differs()) == fault.deep

    ended = stage.console("repair", "--apply")
    assert ended.status is (ExitStatus.PARTLY_DONE if fault.left else ExitStatus.OK), ended
    stage.settle()
    assert stage.failing("TI") == fault.left
    assert bool(stage.differs()) == bool(fault.left)
    assert {kind: list(live(stage, kind)) for kind in KINDS} == before
