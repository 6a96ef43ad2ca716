"""Each fault of the table is caught by the checks that it names, and no other cries wolf."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sophia_cli.checks.registry import all_checks
from tests.checks.here import caches, machine, records, stages
from tests.checks.here.stages import Seen
from tests.checks.here.table import FAULTS

pytestmark = pytest.mark.skipif(
    "SOPHIA_TEST_FAULTS" not in os.environ,
    reason="SOPHIA_TEST_FAULTS=1: two minutes, on a machine with nothing else to do",
)

assert all((caches, machine, records))  # Each has put its faults into the table.

Open = Callable[[str], Any]
_FULL = "SOPHIA_TEST_FAULTS_FULL"
NAMES = [name for name, fault in FAULTS.items() if not fault.slow or os.environ.get(_FULL)]


@pytest.fixture(scope="module")
def opened() -> Iterator[Open]:
    """Opens a stage when it is first asked for; nothing of a fault is left on it."""
    with contextlib.ExitStack() as stack:
        open_: dict[str, Any] = {}

        def stage(name: str) -> Any:
            if name not in open_:
                open_[name] = stack.enter_context(stages.STAGES[name]())
            return open_[name]

        yield stage


@pytest.mark.parametrize("name", stages.STAGES)
def test_a_healthy_laptop_raises_no_alarm(name: str, opened: Open) -> None:
    seen = opened(name).look()
    assert not seen.alarms, seen.said


@pytest.mark.parametrize("name", sorted(NAMES, key=lambda name: FAULTS[name].stage))
def test_a_fault_is_caught_and_no_other_check_cries_wolf(name: str, opened: Open) -> None:
    fault = FAULTS[name]
    stage = opened(fault.stage)
    with stage.afresh(), fault.inject(stage):
        seen = stage.look()
    assert seen.alarms == fault.alarms, seen.said
    assert fault.words in seen.said
    assert _settled(stage).alarms == {}


def _settled(stage: Any) -> Seen:
    """What all comes to once it is well: what has just failed is left alone for a second."""
    for _ in range(4):
        seen: Seen = stage.look()
        if not seen.alarms:
            break
        print(seen.said)
        time.sleep(1.0)
    return seen


def test_every_check_of_this_machine_is_made_to_speak_by_some_fault() -> None:
    """But for those that need a disk of another machine, a gigabyte, or another model."""
    spoken = {
        number
        for fault in FAULTS.values()
        for number, verdict in fault.alarms.items()
        if verdict != "unknown"
    }
    subjects = ("MA", "CO", "RE", "PG", "RD", "VE", "EM", "GP")
    silent = {check.number for check in all_checks() if check.subject in subjects} - spoken
    assert silent == {"EM-02", "MA-08", "PG-08", "RE-03"}
