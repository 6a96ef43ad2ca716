"""Who is connected to and how: an inventory's words about one host, put together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sophia_cli.errors import NotFound
from sophia_cli.ops.inventory.model import Inventory

BASTION = "bastion"
"""What messages call the bastion, which has no name of its own."""


@dataclass(frozen=True, slots=True)
class Target:
    """One SSH server.

    Attributes:
        name: what messages call it.
        address: without the port.
        key_file: the private key; None for the agent's and the usual ones.
        known_hosts_file: the keys that it may show.
        sudo_password_file: holds the user's password for sudo; None where sudo asks for none.
        connect_timeout: for everything up to the login, seconds.
        command_timeout: for a command that says nothing of its own, seconds.
        lost_after: silence after which the connection counts as lost, seconds.
    """

    name: str
    address: str
    port: int
    user: str
    key_file: Path | None
    known_hosts_file: Path
    sudo_password_file: Path | None
    connect_timeout: float
    command_timeout: float
    lost_after: float

    @property
    def place(self) -> str:
        """Its name and where it is: `db-1 (192.0.2.11:22)`."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.name} ({address}:{self.port})"


def target_of(inventory: Inventory, name: str) -> Target:
    """One of the inventory's hosts.

    Raises:
        NotFound: it has none of this name.
    """
    host = inventory.hosts.get(name)
    if host is None:
        known = ", ".join(inventory.hosts) or "none"
        raise NotFound(f"no host is called {name}", f"the inventory has: {known}")
    ssh = inventory.ssh
    return _target(
        inventory,
        name,
        host.address,
        host.port or ssh.port,
        host.user or ssh.user,
        host.key_file or ssh.key_file,
    )


def bastion_of(inventory: Inventory) -> Target | None:
    """The inventory's bastion, if it has one."""
    ssh = inventory.ssh
    bastion = ssh.bastion
    if bastion.address is None:
        return None
    return _target(
        inventory,
        BASTION,
        bastion.address,
        bastion.port,
        bastion.user or ssh.user,
        bastion.key_file or ssh.key_file,
    )


def _target(
    inventory: Inventory, name: str, address: str, port: int, user: str, key_file: Path | None
) -> Target:
    ssh = inventory.ssh
    return Target(
        name,
        address,
        port,
        user,
        key_file.expanduser() if key_file else None,
        ssh.known_hosts_file.expanduser(),
        ssh.sudo_password_file.expanduser() if ssh.sudo_password_file else None,
        ssh.connect_timeout.total_seconds(),
        ssh.command_timeout.total_seconds(),
        ssh.lost_after.total_seconds(),
    )
