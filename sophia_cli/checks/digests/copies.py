"""The copies of the points that there are: one in process, or one a peer."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr

from sophia_cli.checks.digests.difference import Named
from sophia_cli.memory.ports import Copy
from sophia_cli.memory.service import MemoryService
from sophia_cli.ops.qdrant.asks import Answer, Peer, Silence, peers_of

if TYPE_CHECKING:
    import httpx

    from sophia_cli.checks.scene import Scene
    from sophia_cli.config.model import Config


def service_of(scene: Scene) -> MemoryService:
    """The memory that is looked at: that of the command which looks, opened once.

    Raises:
        SophiaError: it cannot be opened.
    """
    return scene.once("service", lambda: scene.stack.enter_context(scene.invocation.service()))


def copies_of(scene: Scene) -> tuple[Named, ...]:
    """Every copy of the points, each by its name.

    Peers are asked over SSH where the configuration names hosts, else at `vectors.urls`.

    Raises:
        SophiaError: the memory cannot be opened, or the configuration is wrong.
    """
    return scene.once("copies", lambda: _copies(scene))


def _copies(scene: Scene) -> tuple[Named, ...]:
    config, service = scene.loaded.config, service_of(scene)
    if config.vector_engine == "edge":
        return (Named("", cast(Copy, service.vectors)),)
    dimension = service.records.models.current().dimension or service.embedder.dimension
    from sophia_cli.checks.digests.peer import PeerCopy

    asks: Any
    if scene.inventory is not None:
        from sophia_cli.ops.qdrant.asks import SiteAsks

        asks = scene.stack.enter_context(SiteAsks(scene.site))
        peers: Sequence[Peer] = peers_of(scene.site.inventory)
    else:
        asks = scene.stack.enter_context(UrlAsks(config))
        peers = asks.peers
    prefix = config.vectors.prefix
    return tuple(Named(peer.host, PeerCopy(asks, peer, prefix, dimension)) for peer in peers)


class UrlAsks:
    """Asks the peers at the addresses that the configuration names, from this machine.

    Attributes:
        peers: each by its address, `192.0.2.11:6333`.
    """

    def __init__(self, config: Config) -> None:
        from urllib.parse import urlsplit

        from sophia_cli.tiers.vectors.clients import peer_url

        urls = [peer_url(_plain(url)) for url in config.vectors.urls]
        self.peers = tuple(Peer(urlsplit(url).netloc, url, "") for url in urls)
        key = config.vectors.api_key()
        self._headers = {} if key is None else {"api-key": _plain(key)}
        self._opened = contextlib.ExitStack()
        self._client: httpx.Client | None = None

    def __enter__(self) -> UrlAsks:
        import httpx

        self._client = self._opened.enter_context(
            httpx.Client(headers=self._headers, trust_env=False)
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = 5.0
    ) -> Answer | Silence:
        """See `Asks`."""
        import httpx

        assert self._client is not None  # noqa: S101  (it is entered)
        try:
            response = self._client.request(method, peer.url + path, json=body, timeout=timeout)
        except httpx.ConnectError as error:
            return Silence(str(error) or "nobody listens there", nobody=True)
        except httpx.TimeoutException:
            return Silence(f"no answer within {timeout:g} s")
        except httpx.HTTPError as error:
            return Silence(str(error) or type(error).__name__)
        try:
            return Answer(response.status_code, response.json())
        except ValueError:
            return Answer(response.status_code, response.text)


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
