"""A plan: what a deployment would do, step by step and host by host, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sophia_cli.ops.facts.machine import MachineFacts
from sophia_cli.ops.operations.operation import Action, Change, Nothing, Operation, Put, Run
from sophia_cli.ops.playbooks.playbook import Playbook, Step


@dataclass(frozen=True, slots=True)
class Later:
    """What cannot be said yet: `known after step 3`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Task:
    """One step on one host.

    Attributes:
        number: the step's, from 1 over all phases of the plan.
    """

    number: int
    phase: str
    step: Step
    host: str
    operation: Operation
    outcome: Change | Nothing | Later

    @property
    def kind(self) -> str:
        """`change`, `nothing` or `later`."""
        return type(self.outcome).__name__.lower()

    @property
    def says(self) -> str:
        """The outcome in one line."""
        return self.outcome.summary if isinstance(self.outcome, Change) else self.outcome.reason

    def as_json(self, redact: Callable[[str], str] = str) -> dict[str, Any]:
        """What is shown and saved of it; no file's content but in a diff that may be seen."""
        change = self.outcome if isinstance(self.outcome, Change) else None
        return {
            "number": self.number,
            "phase": self.phase,
            "step": self.step.name,
            "host": self.host,
            "outcome": self.kind,
            "summary": redact(self.says),
            "destroys": bool(change and change.destroys),
            "diff": redact(change.diff) if change else "",
            "commands": [redact(said(action)) for action in change.actions] if change else [],
        }


def said(action: Action) -> str:
    """An action in one line; what a command reads and what a file holds is left out."""
    match action:
        case Run(command):
            return command.text
        case Put(file):
            return f"write {file.path} ({len(file.content)} bytes, {file.mode} {file.owner})"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a deployment of these phases would do.

    Attributes:
        machines: by host, what it said of itself.
        tasks: in the order of the steps.
        gates: each step that is a gate, with the hosts that it is wanted on.
    """

    cluster: str
    phases: tuple[Playbook, ...]
    machines: Mapping[str, MachineFacts]
    tasks: tuple[Task, ...]
    gates: tuple[tuple[Step, tuple[str, ...]], ...] = ()

    @property
    def open(self) -> list[Task]:
        """The tasks that change something, or may."""
        return [task for task in self.tasks if not isinstance(task.outcome, Nothing)]

    def of(self, phase: str, step: Step) -> dict[str, Task]:
        """By host, the tasks of one step."""
        return {task.host: task for task in self.tasks if task.phase == phase and task.step is step}

    def asked_of(self, gate: Step) -> tuple[str, ...]:
        """The hosts that a gate is wanted on."""
        return next((hosts for step, hosts in self.gates if step is gate), ())

    @property
    def fingerprint(self) -> str:
        """A digest over what was found and what is to be done: 16 hex digits.

        It covers of each host what it is, and of each task what comparing it with the host came to;
        not what moves by itself, as free space and process ids do.
        """
        found = {
            "cluster": self.cluster,
            "machines": {name: _lasting(machine) for name, machine in self.machines.items()},
            "tasks": [task.as_json() for task in self.tasks],
        }
        text = json.dumps(found, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """As it is saved and printed."""
        return {
            "cluster": self.cluster,
            "phases": [playbook.phase for playbook in self.phases],
            "fingerprint": self.fingerprint,
            "machines": {name: _lasting(machine) for name, machine in self.machines.items()},
            "tasks": [task.as_json() for task in self.tasks],
        }


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it was when a plan was saved, one line each."""
    for name, machine in now["machines"].items():
        if (before := saved["machines"].get(name)) != machine:
            yield f"{name}: was {before}, is {machine}"
    then = {(task["host"], task["phase"], task["step"]): task for task in saved["tasks"]}
    today = {(task["host"], task["phase"], task["step"]): task for task in now["tasks"]}
    for key in dict.fromkeys([*then, *today]):
        before, after = then.get(key), today.get(key)
        place = f"{key[0]}: {key[2]}"
        if before is None or after is None:
            yield f"{place}: {'is new' if before is None else 'is gone'}"
        elif before["summary"] != after["summary"]:
            yield f"{place}: was: {before['summary']}; is: {after['summary']}"
        elif before != after:
            yield f"{place}: would be done in another way"


def _lasting(machine: MachineFacts) -> str:
    return (
        f"{machine.hostname}, {machine.os}, {machine.architecture}, {machine.cpus} cpus, "
        f"{machine.memory_bytes >> 20} MB, gpu {machine.gpu or 'none'}"
    )
