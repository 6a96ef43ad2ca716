"""What a playbook is: a phase's steps, as they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sophia_cli.ops.inventory.model import Inventory, Role

ALL = "all"
FIRST = "first "


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        on: a role, `all`, or `first ROLE`.
        operation: the operation's name, None for a gate.
        arguments: the operation's, as written: texts, lists and mappings that may hold templates.
        gate: the gate's name, None for an operation.
        guard: what stands around the change of each host, None for nothing.
        one_by_one: whether a host waits until the one before it is done.
        when: an expression that must be true on a host; None for always.
        place: its file and line.
    """

    name: str
    on: str
    operation: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    gate: str | None = None
    guard: str | None = None
    one_by_one: bool = False
    when: str | None = None
    place: str = ""

    def hosts(self, inventory: Inventory) -> list[str]:
        """The hosts that it is for, in the file's order."""
        if self.on == ALL:
            return list(inventory.hosts)
        role = Role(self.on.removeprefix(FIRST))
        names = list(inventory.with_role(role))
        return names[:1] if self.on.startswith(FIRST) else names


@dataclass(frozen=True, slots=True)
class Playbook:
    """One phase. `number` is its place in the order of all."""

    phase: str
    number: int
    title: str
    steps: tuple[Step, ...]
