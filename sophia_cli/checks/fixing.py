"""What `--fix` may run, and how: a command that loses nothing, without a shell."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sophia_cli.checks.check import Verdict
from sophia_cli.checks.running import Looked

_PROGRAMS = ("sophia", "chmod")
_PATIENCE = 300.0
_UNHEALTHY = (Verdict.FAIL, Verdict.WARN)


@dataclass(frozen=True, slots=True)
class Fix:
    """One command, and the checks that ask for it."""

    command: str
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command came to: its exit status, and the last line that it said."""

    fix: Fix
    status: int
    said: str


def fixes(looked: Sequence[Looked]) -> list[Fix]:
    """The commands that mend what was found and may be run, each once, in the order of findings."""
    found: dict[str, list[str]] = {}
    for each in looked:
        if not each.check.fixable:
            continue
        for finding in each.findings:
            command = finding.command or each.check.mend
            if finding.verdict in _UNHEALTHY and is_runnable(command):
                numbers = found.setdefault(command, [])
                if each.check.number not in numbers:
                    numbers.append(each.check.number)
    return [Fix(command, tuple(numbers)) for command, numbers in found.items()]


def is_runnable(command: str) -> bool:
    """Whether a mend is a command that we run ourselves, and not a sentence for people."""
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return len(words) > 1 and words[0] in _PROGRAMS and "`" not in command and ";" not in command


def run(fix: Fix, options: Sequence[str], cwd: Path, variables: Mapping[str, str]) -> Ran:
    """Runs a command to its end.

    Args:
        options: global ones for sophia: `--config FILE`, `--profile NAME`.
    """
    program, *words = shlex.split(fix.command)
    if program == "sophia":
        arguments = [sys.executable, "-P", "-m", "sophia_cli", *options, *words]
    else:
        arguments = [program, *words]
    try:
        ended = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            cwd=cwd,
            env=dict(variables),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ran(fix, 1, f"it did not end within {_PATIENCE:g} s")
    except OSError as error:
        return Ran(fix, 1, error.strerror or "it cannot be run")
    lines = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
    return Ran(fix, ended.returncode, lines[-1] if lines and ended.returncode else "")
