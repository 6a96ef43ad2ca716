"""The site: what everything that works on the cluster is given, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import SecretStr

from sophia_cli.ops.connection.protocol import Connections
from sophia_cli.ops.inventory.model import Inventory


class Secrets(Protocol):
    """The cluster's passwords and keys, by name; kept on this machine, mode 0600."""

    def value(self, name: str) -> SecretStr:
        """One of them: `redis-password`, `qdrant-api-key`; made when it is first asked for."""

    def all(self) -> dict[str, SecretStr]:
        """Those that there are: what redaction looks for."""


def _silent(host: str, text: str) -> None:
    """Says nothing."""


@dataclass(frozen=True, slots=True)
class Site:
    """An inventory, the connections to its hosts and the secrets of its cluster.

    Attributes:
        say: tells people what goes on on a host, in one line.
        redact: takes the secrets out of a text, before anybody sees it.
        cancelled: set when the user has stopped the command.
    """

    inventory: Inventory
    connections: Connections
    secrets: Secrets
    say: Callable[[str, str], None] = _silent
    redact: Callable[[str], str] = str
    cancelled: threading.Event = field(default_factory=threading.Event)
