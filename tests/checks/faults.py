"""Faults, and the table that they are put into: see `faults_cluster`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.checks.world import World
from tests.ops.qdrant.recorded import PEERS

Json = Any
Alarms = dict[str, str]
FAIL, WARN, UNKNOWN = "fail", "warn", "unknown"
GONE: Alarms = {"QD-01": FAIL, "QD-14": FAIL, "QD-16": WARN}
"""What speaks when one of three peers is gone."""


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        inject: makes it so.
        alarms: by number, what every check that speaks comes to.
        words: what one of them says.
    """

    inject: Callable[[World], object]
    alarms: Alarms
    words: str = ""


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, alarms: Alarms, words: str = ""
) -> Callable[[Callable[[World], object]], Callable[[World], object]]:
    """Puts a function that makes it so into the table."""

    def kept(inject: Callable[[World], object]) -> Callable[[World], object]:
        FAULTS[name] = Fault(inject, alarms, words)
        return inject

    return kept


def peers_say(world: World, path: str, change: Callable[[Json], Any]) -> None:
    for peer in PEERS:
        world.says(peer.host, path, change)
