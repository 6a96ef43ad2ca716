"""Asking peers: who they are, what a question is, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sophia_cli.ops.inventory.model import Inventory, Role

T = TypeVar("T")
TIMEOUT = 5.0
"""How long a peer may take to answer a question about itself, seconds."""
API_KEY = "qdrant-api-key"
"""The name of the secret that peers want with every request."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer as the inventory has it.

    Attributes:
        host: the name of its host.
        url: of its REST.
        uri: where the other peers reach it, as it must tell them.
    """

    host: str
    url: str
    uri: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer answered; `body` is its JSON, or its text where it is none."""

    status: int
    body: Any

    @property
    def result(self) -> Any:
        """The `result` of an answer of Qdrant's; None where there is none."""
        return self.body.get("result") if isinstance(self.body, dict) else None

    @property
    def error(self) -> str:
        """What it says is wrong, in one line."""
        status = self.body.get("status") if isinstance(self.body, dict) else None
        said = status.get("error") if isinstance(status, dict) else None
        return f"HTTP {self.status}: {str(said or self.body)[:300]}".replace("\n", " ")


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer came. What was asked may be done or not.

    Attributes:
        nobody: whether it is sure that nobody listens there.
        status: of an answer that was none to the question; 0 where none came.
    """

    reason: str
    nobody: bool = False
    status: int = 0


class Asks(Protocol):
    """Puts a question, or an order, to one peer."""

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = TIMEOUT
    ) -> Answer | Silence:
        """One request.

        Args:
            path: with its query.
            timeout: for all of it, seconds.
        """


def peers_of(inventory: Inventory) -> tuple[Peer, ...]:
    """The peers that the inventory wants, in the file's order."""
    ports = inventory.services.qdrant
    return tuple(
        Peer(
            name,
            f"http://{_bracketed(host.reached_at)}:{ports.http_port}",
            f"http://{_bracketed(host.reached_at)}:{ports.p2p_port}",
        )
        for name, host in inventory.with_role(Role.QDRANT).items()
    )


def in_parallel(work: Callable[[Peer], T], peers: Sequence[Peer]) -> dict[str, T]:
    """Does the same with every peer at once; the results by host."""
    if not peers:
        return {}
    with ThreadPoolExecutor(len(peers), thread_name_prefix="peer") as pool:
        return dict(zip((peer.host for peer in peers), pool.map(work, peers), strict=True))


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
