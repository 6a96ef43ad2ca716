"""Three hosts as an inventory has them, and secrets that are known to a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from sophia_cli.ops.inventory.model import Inventory
from sophia_cli.ops.site import Site

KEYS = {"qdrant-api-key": "the admin key", "qdrant-read-only-key": "the read-only key"}


class KnownSecrets:
    """The secrets of `KEYS`, and no others."""

    def value(self, name: str) -> SecretStr:
        return SecretStr(KEYS[name])

    def all(self) -> dict[str, SecretStr]:
        return {name: SecretStr(key) for name, key in KEYS.items()}


@dataclass(frozen=True)
class NoFacts:
    """What a host says that has no GPU, as far as templates of Qdrant's ask."""

    gpu: object = None


def inventory(hosts: int = 3, *, gpu: bool | None = None, **service: Any) -> Inventory:
    """`node1` and so on at 192.0.2.11, all of them peers."""
    return Inventory.model_validate(
        {
            "hosts": {
                f"node{n}": {"address": f"192.0.2.1{n}", "roles": ["qdrant"], "gpu": gpu}
                for n in range(1, hosts + 1)
            },
            "services": {"qdrant": service},
        }
    )


def site(
    inventory: Inventory, connections: Any = None, say: Callable[[str, str], None] | None = None
) -> Site:
    """A site of it; without connections nothing can be asked of a host."""
    told = {"say": say} if say is not None else {}
    return Site(inventory, connections, KnownSecrets(), **told)
