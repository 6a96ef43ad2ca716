"""Scenes for single checks: of a home, with variables and a clock, in this process."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from sophia_cli.checks.check import Finding, Verdict
from sophia_cli.checks.registry import check_of
from sophia_cli.checks.running import look
from sophia_cli.checks.scene import Scene
from sophia_cli.config.model import Config
from sophia_cli.environment import Environment, utc_now
from sophia_cli.invocation import Invocation
from sophia_cli.memory.service import MemoryService
from sophia_cli.terminal import Terminal


@contextlib.contextmanager
def scene_of(
    home: Path,
    variables: Mapping[str, str] | None = None,
    service: MemoryService | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Iterator[Scene]:
    """One scene.

    Args:
        service: that of the process that looks, as in the resident process; None looks from
            outside, as in the foreground.
    """
    environment = Environment(
        io.StringIO(),
        io.StringIO(),
        io.StringIO(),
        home.parent,
        {"PATH": os.environ["PATH"], "HOME": str(home.parent)}
        | {"SOPHIA_HOME": str(home), **(variables or {})},
        now,
    )

    @contextlib.contextmanager
    def opener(_: Config) -> Iterator[MemoryService]:
        assert service is not None
        yield service

    invocation = Invocation(environment, Terminal(environment), opener if service else None)
    with contextlib.ExitStack() as stack:
        scene = Scene(invocation, stack)
        scene.prepare()
        yield scene


Look = Callable[..., list[Finding]]


def looks(
    home: Path,
    number: str,
    variables: Mapping[str, str] | None = None,
    service: MemoryService | None = None,
    now: Callable[[], datetime] = utc_now,
) -> list[Finding]:
    """What one check finds, the worst first; an error in the check itself fails the test."""
    with scene_of(home, variables, service, now) as scene:
        [looked] = look([check_of(number)], scene)
    assert not looked.trace, looked.trace
    return list(looked.findings)


def worst(findings: list[Finding]) -> Verdict:
    """The verdict that counts."""
    return findings[0].verdict
