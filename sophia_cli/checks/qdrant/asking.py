"""Asking peers for a look: never longer than it takes, and never twice what stays silent."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from sophia_cli.checks.in_time import in_time
from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.ops.qdrant.asks import Answer, Asks, Peer, Silence

if TYPE_CHECKING:
    import httpx

    from sophia_cli.ops.site import Site

PATIENCE = 4.0
"""How long one answer may take, seconds; a peer gives the others 3 s before it gives them up."""
_LATER = 2.5
"""How much later it is silent whatever it waits for, seconds: a host not reached says so first."""
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
    """Each peer asked by its own host.

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
            http_client(connection, peer.url, PATIENCE, headers) as client,
        ):
            yield client


class Directly:
    """Each peer asked by this machine."""

    @contextlib.contextmanager
    def client(self, peer: Peer, headers: Mapping[str, str]) -> Iterator[httpx.Client]:
        """See `Ways`."""
        import httpx

        with httpx.Client(
            base_url=peer.url, timeout=PATIENCE, headers=headers, trust_env=False
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
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = PATIENCE
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
        with contextlib.ExitStack() as opened:
            client = opened.enter_context(self._ways.client(peer, self._headers))
            with self._lock:
                self._stack.push(opened.pop_all())
                self._clients[peer.host] = client
        return client


class Hasty:
    """Asks that come back in time whatever the peer does; a peer that is silent is not asked again.

    It is silent when it does not answer `/cluster`, which is what it is always asked first.
    """

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self._silent: dict[str, Silence] = {}

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = PATIENCE
    ) -> Answer | Silence:
        """See `Asks`."""
        if (silence := self._silent.get(peer.host)) is not None:
            return silence
        seconds = min(timeout, PATIENCE)
        late = Unreachable(f"no answer within {seconds:g} s")
        said: Answer | Silence
        try:
            said = in_time(
                lambda: self._asks.ask(peer, method, path, body, seconds),
                seconds + _LATER,
                lambda: late,
            )
        except Unreachable as error:
            said = Silence(error.message)
        if path == "/cluster" and isinstance(said, Silence):
            self._silent[peer.host] = said
        return said


class Noted:
    """Asks whose answers are kept, to be read once more."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self.answers: dict[tuple[str, str], Answer | Silence] = {}

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = PATIENCE
    ) -> Answer | Silence:
        """See `Asks`."""
        said = self._asks.ask(peer, method, path, body, timeout)
        self.answers[peer.host, path] = said
        return said


def _plainly(error: Exception) -> str:
    """What httpx says, without the number of the system's error."""
    text = str(error)
    return text.partition("] ")[2] or text
