"""From one peer to the others: a small protocol of its own, and the errors as the real one words
them.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from . import serde
from .control import Control
from .refusals import Refusal

FROM_HEADER = "x-standin-from"
_UNAVAILABLE = "code: 'The service is currently unavailable', message: "
_EXPIRED = (
    "code: 'The operation was cancelled', message: \"Timeout expired\", "
    "source: tonic::transport::Error(Transport, TimeoutExpired(()))"
)
STOPPED = "code: 'Internal error', message: \"Can't send Raft message over channel\""
# So many attempts in a row are reported in full, later ones in short.
_REPORTED_IN_FULL = 25


class Unreachable(Exception):
    """No answer from a peer, in the words of the real one's transport.

    Attributes:
        refused: whether it was told at once.
    """

    def __init__(self, text: str, refused: bool) -> None:
        super().__init__(text)
        self.text = text
        self.refused = refused


class Link:
    """Calls to one peer, each over a connection that is kept."""

    def __init__(self, uri: str, links: Links) -> None:
        parts = urlsplit(uri)
        self.uri = uri
        self._address = (parts.hostname, parts.port or 6335)
        self._secure = parts.scheme == "https"
        self._links = links
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._failed = 0

    def call(self, path: str, body: Any, timeout: float) -> Any:
        """Asks the peer.

        Raises:
            Unreachable: no answer within `timeout`.
            Refusal: it answered with an error.
        """
        if self._links.control.is_cut_from(self.uri):
            time.sleep(timeout)
            raise self._unreachable(None, cut=True)
        try:
            status, data = self._ask(path, serde.dumps(body), timeout)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error, cut=False) from error
        self._failed = 0
        answer = serde.loads(data) if data else None
        if status != 200:
            raise Refusal(status, (answer or {}).get("error", ""))
        return answer

    def _ask(self, path: str, data: bytes, timeout: float) -> tuple[int, bytes]:
        with self._lock:
            kept = self._idle.pop() if self._idle else None
        if kept is not None:
            try:
                return self._over(kept, path, data, timeout)
            except (ConnectionError, http.client.HTTPException):
                pass  # the peer was restarted meanwhile
        return self._over(self._connect(timeout), path, data, timeout)

    def _over(
        self, connection: http.client.HTTPConnection, path: str, data: bytes, timeout: float
    ) -> tuple[int, bytes]:
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        try:
            connection.request("POST", path, data, self._links.headers)
            response = connection.getresponse()
            answer = response.status, response.read()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        return answer

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        host, port = self._address
        if host is None:
            raise ConnectionRefusedError("the address has no host")
        source = (self._links.source, 0) if self._links.source else None
        if self._secure:
            return http.client.HTTPSConnection(
                host, port, timeout=timeout, source_address=source, context=self._links.tls
            )
        return http.client.HTTPConnection(host, port, timeout=timeout, source_address=source)

    def _unreachable(self, error: Exception | None, cut: bool) -> Unreachable:
        self._failed += 1
        in_short = f'{_UNAVAILABLE}"Failed to connect to {self.uri}, error: transport error"'
        if cut or isinstance(error, TimeoutError | http.client.HTTPException):
            first = self._failed == 1 or not cut
            return Unreachable(_EXPIRED if first else in_short, refused=False)
        if self._failed > _REPORTED_IN_FULL:
            return Unreachable(in_short, refused=True)
        host, port = self._address
        cause = (
            f'"tcp connect error", {host}:{port}, Os {{ code: 111, kind: ConnectionRefused, '
            'message: "Connection refused" }'
        )
        return Unreachable(
            f'{_UNAVAILABLE}"tcp connect error", source: tonic::transport::Error(Transport, '
            f"ConnectError(ConnectError({cause})))",
            refused=True,
        )


class Links:
    """The links of one peer, one a URI.

    Args:
        own: says who is calling; the address of this peer, once it is known.
        source: the address that calls come from; None for any.
        api_key: sent along where the configuration has one.
    """

    def __init__(
        self,
        control: Control,
        source: str | None,
        api_key: str | None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.control = control
        self.source = source
        self.tls = tls
        self.headers = {"Content-Type": "application/json"}
        if api_key:
            self.headers["api-key"] = api_key
        self._links: dict[str, Link] = {}
        self._lock = threading.Lock()

    def of(self, uri: str) -> Link:
        """The link to a peer."""
        with self._lock:
            if uri not in self._links:
                self._links[uri] = Link(uri, self)
            return self._links[uri]

    def introduce(self, uri: str) -> None:
        """From now on calls say that they come from `uri`."""
        self.headers[FROM_HEADER] = uri
