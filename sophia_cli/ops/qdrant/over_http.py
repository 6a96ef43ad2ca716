"""Asking peers over HTTP: each by its own host over SSH, or all by this machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from sophia_cli.errors import SophiaError
from sophia_cli.ops.qdrant.asks import API_KEY, TIMEOUT, Answer, Peer, Silence

if TYPE_CHECKING:
    import httpx

    from sophia_cli.ops.site import Site

KEY_HEADER = "api-key"


class Ways(Protocol):
    """How peers are reached."""

    def client(
        self, peer: Peer, headers: Mapping[str, str]
    ) -> contextlib.AbstractContextManager[httpx.Client]:
        """A client for one peer's REST.

        Raises:
            SophiaError: its host is not reached.
        """


class OverSsh:
    """Each peer asked by its own host, so only that must reach the port.

    Args:
        site: gives the connections.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    @contextlib.contextmanager
    def client(self, peer: Peer, headers: Mapping[str, str]) -> Iterator[httpx.Client]:
        """See `Ways`."""
        from sophia_cli.ops.connection.http import http_client

        with (
            self._site.connections.to(peer.host) as connection,
            http_client(connection, peer.url, TIMEOUT, dict(headers)) as client,
        ):
            yield client


class Directly:
    """Each peer asked by this machine."""

    @contextlib.contextmanager
    def client(self, peer: Peer, headers: Mapping[str, str]) -> Iterator[httpx.Client]:
        """See `Ways`."""
        import httpx

        with httpx.Client(
            base_url=peer.url, timeout=TIMEOUT, headers=headers, trust_env=False
        ) as client:
            yield client


class HttpAsks:
    """Asks over HTTP; see `Asks`.

    Args:
        key: sent with every request; None for none.
        stack: closes the clients.
    """

    def __init__(self, ways: Ways, key: str | None, stack: contextlib.ExitStack) -> None:
        self._ways = ways
        self._headers = {} if key is None else {KEY_HEADER: key}
        self._stack = stack
        self._lock = threading.Lock()
        self._clients: dict[str, httpx.Client] = {}

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = TIMEOUT
    ) -> Answer | Silence:
        """See `Asks`."""
        import httpx

        try:
            client = self._client(peer)
            response = client.request(method, path, json=body, timeout=timeout)
        except httpx.ConnectError as error:
            return Silence(_plainly(error) or "nobody listens there", nobody=True)
        except httpx.TimeoutException:
            return Silence(f"no answer within {timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Silence(_plainly(error) or type(error).__name__)
        except SophiaError as error:
            # The next question connects to the host anew.
            with self._lock:
                self._clients.pop(peer.host, None)
            return Silence(error.message)
        try:
            return Answer(response.status_code, response.json())
        except ValueError:
            return Answer(response.status_code, response.text)

    def _client(self, peer: Peer) -> httpx.Client:
        with self._lock:
            known = self._clients.get(peer.host)
        if known is not None:
            return known
        # Not under the lock: a host that is not reached must not keep the others waiting.
        with contextlib.ExitStack() as opened:
            client = opened.enter_context(self._ways.client(peer, self._headers))
            with self._lock:
                self._stack.push(opened.pop_all())
                self._clients[peer.host] = client
        return client


@contextlib.contextmanager
def site_asks(site: Site) -> Iterator[HttpAsks]:
    """Asks the peers of a site over SSH, with the cluster's own key."""
    with contextlib.ExitStack() as stack:
        key = site.secrets.value(API_KEY).get_secret_value()
        yield HttpAsks(OverSsh(site), key, stack)


def _plainly(error: Exception) -> str:
    """What httpx says, without the number of the system's error."""
    text = str(error)
    return text.partition("] ")[2] or text
