"""Applying a plan: step by step, host by host, each change looked at before and after it.

A step of which the plan says that nothing is to be done, on a host where nothing was changed since
the plan was made, costs nothing. Every other one is compared with the host anew: so a deployment
that was ended anywhere goes on where it was.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sophia_cli.background import begun
from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.ops.changing import carry_out
from sophia_cli.ops.connection.pool import on_hosts
from sophia_cli.ops.connection.protocol import Connection
from sophia_cli.ops.errors import CommandFailed, OutcomeUnknown
from sophia_cli.ops.facts.fact import gather
from sophia_cli.ops.gates.gate import Gate, Guard
from sophia_cli.ops.journal_event import What
from sophia_cli.ops.operations.operation import Change, Nothing
from sophia_cli.ops.plan import Plan, Task, said
from sophia_cli.ops.playbooks.playbook import Playbook, Step
from sophia_cli.ops.site import Site
from sophia_cli.ops.together import joined, redacted

# Lines of what a step printed that are kept for the journal.
_OUTPUT = 20
_AGAIN = "mend it and run `sophia deploy` again: it goes on from here"


Note = Callable[..., None]
"""Takes a `What` and, by name, the other parts of an `Event`."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying came to: how many tasks changed something, and how many nothing."""

    changed: int
    unchanged: int
    gates: int


@dataclass(slots=True)
class Applying:
    """One run over a plan.

    Args:
        gates, guards: by name.
        note: takes what happens: what it is, and by name what `Event` knows of it. Called from
            several threads.
        check: raises before a step if it must not be taken: another took the lock, the user
            stopped the run.
        around: is called with a phase and its work: hooks stand around it.
    """

    site: Site
    plan: Plan
    gates: Mapping[str, Gate]
    guards: Mapping[str, Guard]
    note: Note
    check: Callable[[], None]
    _touched: set[str] = field(default_factory=set)
    _ahead: dict[int, Future[tuple[str, float]]] = field(default_factory=dict)
    _output: dict[str, deque[str]] = field(default_factory=dict)
    _counts: dict[What, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look_ahead(self, names: Collection[str]) -> None:
        """Has these gates look now, all at once, instead of each one in its turn.

        For a plan by which nothing is to be done: then none of them has to wait for a step.
        """
        for step, hosts in self.plan.gates:
            if step.gate is not None and step.gate in names and hosts:
                look = partial(self._asked, step.gate, hosts)
                self._ahead[id(step)] = begun(look, f"gate {step.gate}")

    def phase(self, playbook: Playbook) -> None:
        """Carries out one phase of the plan.

        Raises:
            SophiaError: a step failed, on which host and why; nothing after it was begun.
        """
        started = time.monotonic()
        self._note(What.PHASE_STARTED, phase=playbook.phase, summary=playbook.title)
        for step in playbook.steps:
            self.check()
            if step.gate is not None:
                self._gate(playbook.phase, step)
            else:
                self._step(playbook.phase, step)
        spent = time.monotonic() - started
        self._note(What.PHASE_ENDED, phase=playbook.phase, outcome="ok", seconds=spent)

    def applied(self) -> Applied:
        """What was done so far."""
        count = self._counts.get
        return Applied(
            count(What.STEP_CHANGED, 0), count(What.STEP_UNCHANGED, 0), count(What.GATE_OPENED, 0)
        )

    def _gate(self, phase: str, step: Step) -> None:
        hosts = self.plan.asked_of(step)
        if step.gate is None or not hosts:
            return
        started = time.monotonic()
        self._note(What.STEP_STARTED, phase=phase, step=step.name)
        try:
            ahead = self._ahead.get(id(step))
            shown, spent = ahead.result() if ahead else self._asked(step.gate, hosts)
        except SophiaError as error:
            self._failed(phase, step, "", error, started)
            raise self._placed(error, phase, step) from error
        self._note(What.GATE_OPENED, phase=phase, step=step.name, summary=shown, seconds=spent)

    def _asked(self, gate: str, hosts: Sequence[str]) -> tuple[str, float]:
        """What a gate showed, and the seconds that it took."""
        started = time.monotonic()
        shown = self.gates[gate](self.site, hosts)
        return shown, time.monotonic() - started

    def _step(self, phase: str, step: Step) -> None:
        tasks = self.plan.of(phase, step)
        parallel = 1 if step.one_by_one else self.site.inventory.ssh.parallel
        failed: dict[str, SophiaError] = {}

        def act(host: str) -> None:
            if step.one_by_one and failed:
                return
            started = time.monotonic()
            try:
                self._task(tasks[host], started)
            except SophiaError as error:
                self._failed(phase, step, host, error, started)
                failed[host] = error
                raise

        done = on_hosts(list(tasks), act, parallel, self.site.cancelled)
        failed |= {host: each for host, each in done.items() if isinstance(each, SophiaError)}
        if failed:
            first = {host: failed[host] for host in tasks if host in failed}
            raise self._placed(joined(first), phase, step) from next(iter(first.values()))

    def _task(self, task: Task, started: float) -> None:
        if isinstance(task.outcome, Nothing) and task.host not in self._touched:
            self._done(task, What.STEP_UNCHANGED, task.outcome.reason, started)
            return
        self._note(What.STEP_STARTED, phase=task.phase, step=task.step.name, host=task.host)
        with self.site.connections.to(task.host) as connection:
            outcome = _compared(connection, task)
            if isinstance(outcome, Nothing):
                self._done(task, What.STEP_UNCHANGED, outcome.reason, started)
                return
            self._touched.add(task.host)
            guard = self.guards[task.step.guard] if task.step.guard else None
            if guard is not None:
                self._guarded(task, guard.before)
            self._change(connection, task, outcome)
            if guard is not None:
                self._guarded(task, guard.after)
            commands = tuple(map(said, outcome.actions))
            self._done(task, What.STEP_CHANGED, outcome.summary, started, commands)

    def _change(self, connection: Connection, task: Task, change: Change) -> None:
        """Carries a change out, and looks whether it came about."""
        lines: deque[str] = deque(maxlen=_OUTPUT)
        self._output[task.host] = lines

        def heard(line: str) -> None:
            lines.append(line)
            self.site.say(task.host, line)

        try:
            carry_out(
                connection,
                change,
                on_action=lambda action: self.site.say(task.host, said(action)),
                on_output=heard,
            )
        except OutcomeUnknown as error:
            if not self._came_about(connection, task):
                raise OutcomeUnknown(
                    f"{error.message}; whether it was done is not known",
                    "once the host answers, run `sophia deploy` again: it looks, and goes on",
                ) from error
            return
        left = _compared(connection, task)
        if isinstance(left, Change):
            raise CommandFailed(
                f"{task.host}: {change.summary}: was carried out, and still: {left.summary}"
            )

    def _came_about(self, connection: Connection, task: Task) -> bool:
        """After a lost connection: whether the host is as it was to become."""
        try:
            return isinstance(_compared(connection, task), Nothing)
        except Unreachable:
            return False

    def _guarded(self, task: Task, stand: Callable[[Site, str], str]) -> None:
        started = time.monotonic()
        text = stand(self.site, task.host)
        if text:
            self._note(
                What.GUARDED,
                phase=task.phase,
                step=task.step.name,
                host=task.host,
                summary=text,
                seconds=time.monotonic() - started,
            )

    def _done(
        self,
        task: Task,
        what: What,
        text: str,
        started: float,
        commands: Sequence[str] = (),
    ) -> None:
        self._note(
            what,
            phase=task.phase,
            step=task.step.name,
            host=task.host,
            summary=text,
            commands=tuple(commands),
            output=tuple(self._output.pop(task.host, ())),
            seconds=time.monotonic() - started,
        )

    def _failed(
        self, phase: str, step: Step, host: str, error: SophiaError, started: float
    ) -> None:
        self._note(
            What.STEP_UNKNOWN if isinstance(error, OutcomeUnknown) else What.STEP_FAILED,
            phase=phase,
            step=step.name,
            host=host,
            summary=error.message,
            outcome=error.code,
            output=tuple(self._output.pop(host, ())),
            seconds=time.monotonic() - started,
        )

    def _placed(self, error: SophiaError, phase: str, step: Step) -> SophiaError:
        """The error with the step that it happened in, and what to do where nothing is said."""
        redacted(error, self.site.redact)
        return type(error)(f"{phase}: {step.name}: {error.message}", error.hint or _AGAIN)

    def _note(self, what: What, **known: Any) -> None:
        known["summary"] = self.site.redact(known.get("summary", ""))
        with self._lock:
            self._counts[what] = self._counts.get(what, 0) + 1
        self.note(what, **known)


def _compared(connection: Connection, task: Task) -> Change | Nothing:
    return task.operation.compare(gather(connection, task.operation.needs()))
