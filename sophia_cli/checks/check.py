"""What a check is, and what it comes to.

A check looks at one thing, with evidence of its own: never at what a server says of itself alone.
Its texts are the documentation: `sophia doctor explain` and docs/doctor.md are made from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene


class Verdict(StrEnum):
    """What a look came to."""

    PASS = "pass"  # noqa: S105  (a verdict)
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    """It could not be looked at; says why."""
    SKIPPED = "skipped"
    """It does not apply here; says why."""


class Severity(StrEnum):
    """What it would mean if the check failed."""

    CRITICAL = "critical"
    """Memories are lost, wrong or out of reach, or soon will be."""
    SERIOUS = "serious"
    """The next failure would be critical, or something is open that must not be."""
    MINOR = "minor"
    """Slower or less comfortable than it could be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: at the thing itself, or at one of several.

    Attributes:
        subject: which of several: a host, a peer, a collection; empty where there is one.
        says: what was found, in one line; no content of a memory, no secret.
        evidence: what it rests on: `who said what`, a line each.
        command: what mends it here; empty for the check's own.
    """

    verdict: Verdict
    says: str
    subject: str = ""
    evidence: tuple[str, ...] = ()
    command: str = ""


Look = Callable[["Scene"], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        number: its subject and a number that never changes: `QD-07`.
        title: what should be so: `Every peer follows one leader`.
        meaning: what it looks at, and why it matters; sentences.
        mend: the command or the step that mends it; `{}` stands for nothing.
        look: looks; each finding as soon as it is known. What it raises of sophia's errors becomes
            `unknown`.
        fixable: whether `sophia doctor --fix` may run `mend`: it loses nothing, whatever happens.
        fast: whether `sophia health` looks at it too.
        timeout: how long one look may take, seconds.
    """

    number: str
    title: str
    severity: Severity
    meaning: str
    mend: str
    look: Look
    fixable: bool = False
    fast: bool = False
    timeout: float = 8.0

    @property
    def subject(self) -> str:
        """What it belongs to: `QD`."""
        return self.number.partition("-")[0]


def passed(says: str, subject: str = "", *evidence: str) -> Finding:
    """It is as it should be."""
    return Finding(Verdict.PASS, says, subject, evidence)


def warned(says: str, subject: str = "", *evidence: str, command: str = "") -> Finding:
    """It works, and will not for long, or not well."""
    return Finding(Verdict.WARN, says, subject, evidence, command)


def failed(says: str, subject: str = "", *evidence: str, command: str = "") -> Finding:
    """It is not as it should be."""
    return Finding(Verdict.FAIL, says, subject, evidence, command)


def unknown(says: str, subject: str = "", *evidence: str, command: str = "") -> Finding:
    """It could not be looked at."""
    return Finding(Verdict.UNKNOWN, says, subject, evidence, command)


def skipped(says: str, subject: str = "") -> Finding:
    """It does not apply."""
    return Finding(Verdict.SKIPPED, says, subject)
