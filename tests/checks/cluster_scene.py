"""A run of doctor whose configuration is given as text, and what its checks come to."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sophia_cli.checks.check import Check, Finding, Verdict
from sophia_cli.checks.scene import Scene
from sophia_cli.environment import Environment
from sophia_cli.errors import SophiaError
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Terminal

# Worst first, as doctor tells them.
_ORDER = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN, Verdict.PASS, Verdict.SKIPPED)


@contextlib.contextmanager
def scene_of(folder: Path, text: str = "", now: datetime | None = None) -> Iterator[Scene]:
    """A scene of its own home and configuration file.

    Args:
        now: the time of the run; by default the real one.
    """
    file = folder / "sophia.yaml"
    file.write_text(text)
    variables = {"HOME": str(folder), "SOPHIA_HOME": str(folder / "home")}
    environment = Environment(
        io.StringIO(),
        io.StringIO(),
        io.StringIO(),
        folder,
        {**variables, "SOPHIA_CONFIG": str(file)},
        lambda: now or datetime.now(UTC),
    )
    with contextlib.ExitStack() as stack:
        yield Scene(Invocation(environment, Terminal(environment)), stack)


def findings_of(scene: Scene, check: Check) -> list[Finding]:
    """What one check finds; what it raises of sophia's errors counts as unknown, as in doctor."""
    try:
        return list(check.look(scene))
    except SophiaError as error:
        return [Finding(Verdict.UNKNOWN, error.message)]


def worst(findings: Iterable[Finding]) -> Verdict:
    """What a check comes to: the worst of its findings; a check that finds nothing is wrong."""
    verdicts = {finding.verdict for finding in findings}
    assert verdicts, "a check says something, if only that it does not apply"
    return min(verdicts, key=_ORDER.index)


def verdicts_of(scene: Scene, checks: Iterable[Check]) -> dict[str, Verdict]:
    """By number, what each check comes to."""
    return {check.number: worst(findings_of(scene, check)) for check in checks}


def alarms(scene: Scene, checks: Iterable[Check]) -> dict[str, str]:
    """By number, those that fail or warn, or do not know: `fail`, `warn`, `unknown`."""
    calm = (Verdict.PASS, Verdict.SKIPPED)
    return {
        number: verdict.value
        for number, verdict in verdicts_of(scene, checks).items()
        if verdict not in calm
    }
