"""The Qdrant clients of every peer, and how a call reaches one of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from qdrant_client import QdrantClient
from qdrant_client.context_headers import headers

from sophia_cli.correlation import HEADER, current
from sophia_cli.errors import ConfigurationError
from sophia_cli.tiers.vectors.peers import Peers

T = TypeVar("T")
_PORT = 6333
# Of a write's time, what one attempt may take: a peer that never answers leaves enough for another.
_SHARE = 0.45


@dataclass(frozen=True, slots=True)
class _Clients:
    """Two clients of one peer: over gRPC a write has the time-out of its client, not its own."""

    reading: QdrantClient
    writing: QdrantClient

    def close(self) -> None:
        self.reading.close()
        self.writing.close()


class Servers:
    """The peers as Qdrant clients; the arguments are those of `ServerVectors`.

    Args:
        look: a cheap read, to see whether peers that were silent answer again.

    Raises:
        ConfigurationError: (constructor) an address that is none.
    """

    def __init__(
        self,
        urls: Sequence[str],
        api_key: str | None,
        grpc: bool,
        write_timeout: float,
        read_timeout: float,
        cool_down: float,
        look: Callable[[QdrantClient], object],
    ) -> None:
        self._api_key = api_key
        self._grpc = grpc
        self._read_timeout = read_timeout
        self._write_timeout = write_timeout
        self._look = look
        self._attempt = max(1, int(write_timeout * _SHARE))
        self.peers = Peers([peer_url(url) for url in urls], self._connect, cool_down)

    def read(self, action: Callable[[QdrantClient], T]) -> T:
        """Asks one peer after the other, each once, `read_timeout` each.

        Raises:
            TierDown: none could serve, or one refused the request itself.
        """
        return self.peers.read(lambda clients: _for_request(action, clients.reading))

    def write(self, action: Callable[[QdrantClient], T]) -> T:
        """Repeats an action until a peer acknowledges it or `write_timeout` is used up.

        Raises:
            TierDown: not acknowledged in time, or a peer refused the request itself.
        """
        if self.peers.suspect:
            self.read(self._look)
        return self.peers.write(
            lambda clients: _for_request(action, clients.writing),
            self._write_timeout,
            self._attempt,
        )

    def _connect(self, url: str) -> _Clients:
        return _Clients(self._client(url, self._read_timeout), self._client(url, self._attempt))

    def _client(self, url: str, timeout: float) -> QdrantClient:
        return QdrantClient(
            url=url,
            grpc_port=(urlsplit(url).port or _PORT) + 1,
            prefer_grpc=self._grpc,
            # As a header: given as `api_key`, the client warns on stderr about plain HTTP.
            headers={"api-key": self._api_key} if self._api_key else None,
            timeout=math.ceil(timeout),
            # A channel that broke is tried again within a second, not two minutes.
            grpc_options={"grpc.max_reconnect_backoff_ms": 1000},
            # Documents go to the server as they are; nothing is embedded here.
            cloud_inference=True,
            check_compatibility=False,
        )


def _for_request(action: Callable[[QdrantClient], T], client: QdrantClient) -> T:
    """Does it; the server is told for which request. Metadata of gRPC is in small letters."""
    request = current()
    if request is None:
        return action(client)
    with headers({HEADER.lower(): request}):
        return action(client)


def peer_url(url: str) -> str:
    """A peer's address in its one form, `http://host:6333`; the message never repeats the address.

    Raises:
        ConfigurationError: another form, or a user name in it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        host, port = None, 0
    plain = host and parts.scheme in ("http", "https") and "@" not in parts.netloc
    if not host or not plain or parts.path not in ("", "/") or parts.query:
        raise ConfigurationError(
            "an address of the vectors is not of the form http://host:6333", "give one URL a peer"
        )
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
