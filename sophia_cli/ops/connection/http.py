"""HTTP to a service as its host reaches it: the TCP connections are made by the host itself.

So an operator's machine asks what listens on a private address or on a loopback, with no port
opened and no tunnel left behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpcore
import httpx

from sophia_cli.errors import Unreachable
from sophia_cli.ops.connection.protocol import Connection, Stream
from sophia_cli.ops.errors import HostUnreachable

# One host is asked a few things at a time.
_CONNECTIONS = 8
_KEPT_FOR = 30.0

_SAME = {
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
}


def http_client(
    connection: Connection,
    base_url: str,
    timeout: float,
    headers: Mapping[str, str] | None = None,
) -> httpx.Client:
    """A client whose connections a host makes; it raises httpx's errors as any other does.

    Of the connection to the host itself it raises `HostUnreachable`, `HostKeyRefused` and
    `OutcomeUnknown`.

    Args:
        base_url: as the host sees it: `http://127.0.0.1:6333`. Not https.
        timeout: for each step of a request, seconds.
    """
    return httpx.Client(
        transport=HostTransport(connection),
        base_url=base_url,
        timeout=timeout,
        headers=headers,
        trust_env=False,
    )


class HostTransport(httpx.BaseTransport):
    """Sends a client's requests from a host.

    Attributes:
        pool: the connections that are open.
    """

    def __init__(self, connection: Connection) -> None:
        self.pool = httpcore.ConnectionPool(
            network_backend=_Backend(connection),
            max_connections=_CONNECTIONS,
            keepalive_expiry=_KEPT_FOR,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request.

        Raises:
            httpx.UnsupportedProtocol: https; what goes over SSH is encrypted already.
        """
        if request.url.scheme != "http":
            raise httpx.UnsupportedProtocol("a host is asked over http://", request=request)
        assert isinstance(request.stream, httpx.SyncByteStream)  # noqa: S101  (Client's are)
        url = request.url
        wanted = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _httpx_errors(request):
            answer = self.pool.handle_request(wanted)
        assert isinstance(answer.stream, Iterable)  # noqa: S101  (a sync pool's is)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream, request),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Ends its connections; that to the host stays."""
        self.pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Any, request: httpx.Request) -> None:
        self._stream = stream
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors(self._request):
            yield from self._stream

    def close(self) -> None:
        self._stream.close()


@contextlib.contextmanager
def _httpx_errors(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except tuple(_SAME) as error:
        raise _SAME[type(error)](str(error), request=request) from error


class _Backend(httpcore.NetworkBackend):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        *_: Any,
        **__: Any,
    ) -> httpcore.NetworkStream:
        assert timeout is not None  # noqa: S101  (`http_client` has one)
        try:
            return _Stream(self._connection.open_tcp(host, port, timeout))
        except HostUnreachable:
            raise
        except Unreachable as error:
            raise httpcore.ConnectError(error.message) from error


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._stream.settimeout(timeout)
        try:
            return self._stream.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout("no answer in time") from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.settimeout(timeout)
        try:
            self._stream.sendall(buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout("takes nothing in time") from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        # An idle connection on which something comes is one that the service has closed, as when
        # it was started anew: it is not used again.
        if info == "is_readable":
            return getattr(self._stream, "is_readable", False)
        return None
