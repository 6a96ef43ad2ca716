"""Checks are run together, each within its time and all within theirs, whatever hangs."""

from __future__ import annotations

import contextlib
import errno
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sophia_cli.checks.check import Check, Finding, Severity, Verdict, unknown
from sophia_cli.checks.registry import BY_HAND, SUBJECTS
from sophia_cli.checks.scene import Scene
from sophia_cli.correlation import carried
from sophia_cli.errors import SophiaError

TOTAL = 12.0
"""Seconds that all checks have together."""
_LOOK_UP = 0.05
_WORST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN, Verdict.PASS, Verdict.SKIPPED)


@dataclass(frozen=True, slots=True)
class Looked:
    """What one check came to.

    Attributes:
        findings: the worst first; never empty.
        seconds: how long it took.
        trace: where an error came from that nobody expected; empty otherwise.
    """

    check: Check
    findings: tuple[Finding, ...]
    seconds: float
    trace: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst of its findings."""
        return self.findings[0].verdict


def look(
    checks: Sequence[Check],
    scene: Scene,
    total: float = TOTAL,
    done: Callable[[Looked], None] = lambda _: None,
) -> list[Looked]:
    """Makes all checks, each in a thread of its own; the worst first.

    A check that is out of time is left behind: what it had found counts, and that it did not come
    to its end is one more finding.

    Args:
        total: seconds for all of them.
        done: told of each as it ends.

    Raises:
        Interrupted: the user has stopped the command.
    """
    ended: queue.SimpleQueue[_Looking] = queue.SimpleQueue()
    started = time.monotonic()
    open_: dict[str, _Looking] = {}
    for check in checks:
        looking = _Looking(check, started, min(check.timeout, total))
        open_[check.number] = looking
        work = carried(looking.look)
        threading.Thread(
            target=work, args=(scene, ended), name=f"check {check.number}", daemon=True
        ).start()
    found = []
    while open_:
        scene.invocation.environment.check_cancelled()
        over = [each for each in open_.values() if each.is_over()]
        with contextlib.suppress(queue.Empty):
            over.append(ended.get(timeout=0 if over else _LOOK_UP))
        for each in over:
            if open_.pop(each.check.number, None) is not None:
                found.append(each.result())
                done(found[-1])
    return worst_first(found)


def worst_first(found: Iterable[Looked]) -> list[Looked]:
    """In the order of what has to be done first: by verdict, then by severity.

    What is alike in both, and what is well, is in the order of the subjects and numbers.
    """
    severities, subjects = list(Severity), list(SUBJECTS | BY_HAND)

    def place(looked: Looked) -> tuple[int, int, int, str]:
        verdict = _WORST.index(looked.verdict)
        well = looked.verdict in (Verdict.PASS, Verdict.SKIPPED)
        severity = 0 if well else severities.index(looked.check.severity)
        subject = looked.check.subject
        known = subjects.index(subject) if subject in subjects else len(subjects)
        return verdict, severity, known, looked.check.number

    return sorted(found, key=place)


@dataclass(slots=True)
class _Looking:
    """One check while it is made."""

    check: Check
    started: float
    timeout: float
    findings: list[Finding] = field(default_factory=list)
    trace: str = ""
    ended: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sealed: bool = False

    def look(self, scene: Scene, ended: queue.SimpleQueue[_Looking]) -> None:
        """Looks to the end; whatever it raises is a finding."""
        try:
            for finding in self.check.look(scene):
                if not self._add(finding):
                    return
            if not self.findings:
                self._add(unknown("it came to no result"))
        except SophiaError as error:
            self._add(unknown(error.message.partition("\n")[0], command=error.hint))
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                self._unexpected(error)
            else:
                self._add(unknown("no more files may be opened: see MA-04"))
        except BaseException as error:
            self._unexpected(error)
        finally:
            self.ended = True
            ended.put(self)

    def _unexpected(self, error: BaseException) -> None:
        self.trace = traceback.format_exc()
        self._add(
            unknown(
                f"an error in the check itself: {type(error).__name__}",
                command=f"sophia --debug doctor --only {self.check.number}",
            )
        )

    def is_over(self) -> bool:
        """Whether its time is up; from then on nothing is added."""
        if self.ended or time.monotonic() < self.started + self.timeout:
            return False
        self._add(unknown(f"it could not be looked at within {self.timeout:g} s"))
        return True

    def result(self) -> Looked:
        """What it has come to."""
        with self._lock:
            self._sealed = True
            findings = sorted(self.findings, key=lambda each: _WORST.index(each.verdict))
        spent = time.monotonic() - self.started
        return Looked(self.check, tuple(findings), spent, self.trace)

    def _add(self, finding: Finding) -> bool:
        with self._lock:
            if not self._sealed:
                self.findings.append(finding)
            return not self._sealed
