"""The model of the inventory: the keys `cluster`, `ssh`, `hosts` and `services` of sophia.yaml.

Like `config.model`, it is where a key is described and nowhere else: the reference, the example and
the messages about mistakes are made from it.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sophia_cli.config.secrets import quoted
from sophia_cli.config.shapes import Section, Shape, Timeout
from sophia_cli.ops.inventory.services import Services


class Role(StrEnum):
    """What a host is there for."""

    QDRANT = "qdrant"
    REDIS = "redis"
    POSTGRES = "postgres"
    SOPHIA = "sophia"
    MONITORING = "monitoring"


# The zone of a link-local address could be anything; it gets into commands and files.
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")


def _host_address(address: str) -> str:
    if ":" in address or not set(address) - set("0123456789."):
        try:
            ipaddress.ip_address(address)
            if not _ADDRESS.fullmatch(address):
                raise ValueError
        except ValueError:
            raise ValueError(
                f"{quoted(address)} is no IP address; it goes without a port"
            ) from None
    elif not _NAME.fullmatch(address):
        raise ValueError("must be an IP address or a host's name, without a port")
    return address


HostAddress = Annotated[
    str, AfterValidator(_host_address), Shape("an IP address or a host's name, without a port")
]
ClusterName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$"),
    Shape("up to 32 lower-case letters, digits and -"),
]
HostName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$"),
    Shape("up to 63 letters, digits, - and ."),
]
UserName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$"), Shape("the name of a user")]
Port = Annotated[int, Field(ge=1, le=65535)]


class Bastion(Section):
    """The host that the others are reached through, if one is; its key is verified as theirs is."""

    address: HostAddress | None = Field(
        default=None,
        examples=["192.0.2.1"],
        description="Its address. Without it, hosts are reached directly.",
    )
    port: Port = Field(default=22, description="Its SSH port.")
    user: UserName | None = Field(
        default=None, examples=["ubuntu"], description="The user there; without it, ssh.user."
    )
    key_file: Path | None = Field(
        default=None,
        examples=["~/.ssh/bastion"],
        description="The private key for it; without it, ssh.key_file.",
    )


class Ssh(Section):
    """How hosts are reached. Host keys are always verified; `sophia hosts trust` pins them."""

    user: UserName = Field(default="ubuntu", description="The user on every host.")
    port: Port = Field(default=22, description="The SSH port of every host that names none.")
    key_file: Path | None = Field(
        default=None,
        examples=["~/.ssh/id_ed25519"],
        description="The private key, mode 0600. Without it, the SSH agent's and the usual ones.",
    )
    known_hosts_file: Path = Field(
        default=Path("~/.ssh/known_hosts"),
        description="The host keys that are trusted, as OpenSSH writes them.",
    )
    bastion: Bastion = Bastion()
    sudo_password_file: Path | None = Field(
        default=None,
        examples=["~/.config/sophia/sudo.password"],
        description="A file that holds the user's password for sudo, mode 0600. Without it, sudo "
        "must ask for none.",
    )
    connect_timeout: Timeout = Field(
        default=timedelta(seconds=10), description="How long connecting to a host may take."
    )
    command_timeout: Timeout = Field(
        default=timedelta(minutes=10),
        description="How long one command may take that says nothing of its own.",
    )
    lost_after: Timeout = Field(
        default=timedelta(seconds=20),
        description="How long a host may be silent before its connection counts as lost.",
    )
    parallel: int = Field(default=10, ge=1, le=100, description="Hosts worked on at once at most.")


class Host(Section):
    """One host."""

    address: HostAddress = Field(
        examples=["192.0.2.11"], description="Where SSH reaches it from this machine."
    )
    private_address: HostAddress | None = Field(
        default=None,
        examples=["192.0.2.11"],
        description="Where its services listen and the other hosts reach it; without it, address.",
    )
    roles: tuple[Role, ...] = Field(
        min_length=1,
        examples=["[qdrant, redis]"],
        description="What runs on it: qdrant, redis, postgres, sophia, monitoring.",
    )
    labels: tuple[str, ...] = Field(
        default=(),
        examples=["[rack-1]"],
        description="Words to choose hosts by, as in `sophia exec --on rack-1`.",
    )
    gpu: bool | None = Field(
        default=None,
        examples=["true"],
        description="Whether it has an NVIDIA GPU for Qdrant; without it, what the host says.",
    )
    user: UserName | None = Field(
        default=None, examples=["admin"], description="The user on it; without it, ssh.user."
    )
    port: Port | None = Field(
        default=None, examples=["2222"], description="Its SSH port; without it, ssh.port."
    )
    key_file: Path | None = Field(
        default=None,
        examples=["~/.ssh/other"],
        description="The private key for it; without it, ssh.key_file.",
    )

    @property
    def reached_at(self) -> str:
        """Where its services listen and the other hosts reach them."""
        return self.private_address or self.address


class Cluster(Section):
    """The cluster that is deployed."""

    name: ClusterName = Field(
        default="sophia", description="Its name: what `sophia clean` wants typed."
    )
    secrets_dir: Path | None = Field(
        default=None,
        examples=["~/.config/sophia/secrets"],
        description="Where this machine keeps the cluster's passwords and keys, mode 0700; those "
        "that are missing are made. Without it, a directory in sophia's home.",
    )
    playbooks_dir: Path | None = Field(
        default=None,
        examples=["./playbooks"],
        description="Playbooks of your own; a file there takes the place of sophia's by its name.",
    )
    hooks_dir: Path | None = Field(
        default=None,
        examples=["./hooks"],
        description="Programs that run on this machine around a phase: before-qdrant, "
        "after-qdrant and so on.",
    )
    upgrade: bool = Field(
        default=False,
        description="Whether `prepare` brings all packages of the hosts up to date.",
    )
    backup: Literal["required", "off"] = Field(
        default="required",
        description="Whether `sophia clean` takes a backup before it deletes data.",
    )


class Inventory(Section):
    """All of it."""

    cluster: Cluster = Cluster()
    ssh: Ssh = Ssh()
    hosts: dict[HostName, Host] = Field(default_factory=dict)
    services: Services = Services()

    def with_role(self, role: Role) -> dict[str, Host]:
        """The hosts that have a role, in the file's order."""
        return {name: host for name, host in self.hosts.items() if role in host.roles}
