"""Faults of this machine's side, injected one at a time, and every check that then speaks.

A fault that shows in several places names them all. A check that cannot look because of it is named
with `unknown`; what is not named must go on passing, or not apply.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Alarms = dict[str, str]
FAIL, WARN, UNKNOWN = "fail", "warn", "unknown"


def of_tiers(*numbers: int) -> Alarms:
    """The checks across the tiers that cannot look."""
    return {f"TI-{number:02}": UNKNOWN for number in numbers}


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        stage: where it is injected: `inside`, `over_http` or `outside`, see `stages`.
        inject: makes it so for the length of a block.
        alarms: by number, what every check that speaks comes to.
        words: what one of them says.
        slow: whether it is left out unless SOPHIA_TEST_FAULTS_FULL is set.
    """

    stage: str
    inject: Callable[[Any], contextlib.AbstractContextManager[None]]
    alarms: Alarms
    words: str
    slow: bool = False


FAULTS: dict[str, Fault] = {}
_Injection = Callable[[Any], Iterator[None]]


def fault(
    stage: str, name: str, alarms: Alarms, words: str, *, slow: bool = False
) -> Callable[[_Injection], _Injection]:
    """Puts what makes it so, yields, and mends it into the table."""

    def kept(inject: _Injection) -> _Injection:
        assert name not in FAULTS
        block = contextlib.contextmanager(inject)
        FAULTS[name] = Fault(stage, block, alarms, words, slow)
        return inject

    return kept
