"""Asking peers over REST: each peer's own, asked by its own host, and what comes of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sophia_cli.errors import Unreachable
from sophia_cli.ops.inventory.model import Inventory, Role
from sophia_cli.ops.site import Site

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
# How long a peer may take to answer a question about itself, seconds.
_TIMEOUT = 5.0
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
    """

    reason: str
    nobody: bool = False


class Asks(Protocol):
    """Puts a question, or an order, to one peer."""

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = _TIMEOUT
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


class SiteAsks:
    """Asks over SSH: a peer's host makes the connection, so only it must reach the port.

    Args:
        site: gives the connections and the key.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._clients: dict[str, httpx.Client] = {}
        self._opened = contextlib.ExitStack()
        self._lock = threading.Lock()

    def __enter__(self) -> SiteAsks:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = _TIMEOUT
    ) -> Answer | Silence:
        """See `Asks`."""
        import httpx

        try:
            client = self._client(peer)
            response = client.request(method, path, json=body, timeout=timeout)
        except httpx.ConnectError as error:
            return Silence(str(error) or "nobody listens there", nobody=True)
        except httpx.TimeoutException:
            return Silence(f"no answer within {timeout:g} s")
        except httpx.HTTPError as error:
            return Silence(str(error) or type(error).__name__)
        except Unreachable as error:
            self._forget(peer)
            return Silence(error.message)
        return Answer(response.status_code, _body(response))

    def _client(self, peer: Peer) -> httpx.Client:
        with self._lock:
            known = self._clients.get(peer.host)
        if known is not None:
            return known
        from sophia_cli.ops.connection.http import http_client

        # Not under the lock: a host that is not reached must not keep the others waiting.
        with contextlib.ExitStack() as opened:
            connection = opened.enter_context(self._site.connections.to(peer.host))
            key = self._site.secrets.value(API_KEY).get_secret_value()
            client = http_client(connection, peer.url, _TIMEOUT, {"api-key": key})
            opened.enter_context(client)
            with self._lock:
                self._opened.push(opened.pop_all())
                self._clients[peer.host] = client
        return client

    def _forget(self, peer: Peer) -> None:
        """The next question connects to the host anew."""
        with self._lock:
            self._clients.pop(peer.host, None)


def _body(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
