"""All hosts at a glance: whether each answers, whether its key is the pinned one, what it is."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.ops.connection.key_states import KeyState, SeenKey, seen
from sophia_cli.ops.connection.link import Link
from sophia_cli.ops.connection.pool import HostConnections, on_hosts
from sophia_cli.ops.connection.target import bastion_of, target_of
from sophia_cli.ops.errors import HostKeyRefused
from sophia_cli.ops.facts.fact import gather
from sophia_cli.ops.facts.machine import Machine, MachineFacts
from sophia_cli.ops.inventory.model import Host, Inventory


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at one host brought.

    Attributes:
        key: the state of its key; None where it did not answer.
        machine: what it is; None where it was not logged in to, or did not say.
        error: why something is not known.
    """

    name: str
    host: Host
    key: KeyState | None = None
    machine: MachineFacts | None = None
    error: SophiaError | None = None

    @property
    def is_reachable(self) -> bool:
        """Whether it answers, and lets us in where its key is trusted."""
        return self.key is not None and not isinstance(self.error, Unreachable)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        machine, error = self.machine, self.error
        return {
            "name": self.name,
            "address": self.host.address,
            "roles": [role.value for role in self.host.roles],
            "labels": list(self.host.labels),
            "reachable": self.is_reachable,
            "key": self.key and self.key.value,
            "os": machine and machine.os,
            "architecture": machine and machine.architecture,
            "cpus": machine and machine.cpus,
            "memory_bytes": machine and machine.memory_bytes,
            "disk_free_bytes": machine and machine.disk_free_bytes,
            "disk_total_bytes": machine and machine.disk_total_bytes,
            "gpu": machine and machine.gpu,
            "docker": machine and machine.docker,
            "error": error and {"code": error.code, "message": error.message, "hint": error.hint},
        }


def looks(
    inventory: Inventory, names: Sequence[str], cancelled: threading.Event | None = None
) -> list[Look]:
    """Looks at hosts, at several at once. What cannot be found out of one is in its `error`.

    Args:
        names: of hosts of the inventory; the result is in their order.
        cancelled: set when the user has stopped the command.
    """
    target = bastion_of(inventory)
    bastion = None if target is None else Link(target)

    def key(name: str) -> SeenKey:
        return seen(target_of(inventory, name), bastion)

    with HostConnections(inventory, None, cancelled) as connections:

        def look(name: str) -> Look:
            host = inventory.hosts[name]
            state = key(name).state
            if state is not KeyState.TRUSTED:
                return Look(name, host, state, error=_not_trusted(name, state))
            try:
                with connections.to(name) as connection:
                    machine = gather(connection, [Machine()])[Machine()]
            except SophiaError as error:
                return Look(name, host, state, error=error)
            return Look(name, host, state, machine)

        try:
            found = on_hosts(names, look, inventory.ssh.parallel, cancelled)
        finally:
            if bastion is not None:
                bastion.close()
    return [
        each if isinstance(each, Look) else Look(name, inventory.hosts[name], error=each)
        for name, each in found.items()
    ]


def _not_trusted(name: str, state: KeyState) -> HostKeyRefused:
    if state is KeyState.UNKNOWN:
        return HostKeyRefused(
            f"{name}: its key is not pinned", f"`sophia hosts trust {name}` shows and pins it"
        )
    return HostKeyRefused(
        f"{name}: its key is another than the pinned one",
        f"`sophia hosts trust {name}` shows the old against the new",
    )
