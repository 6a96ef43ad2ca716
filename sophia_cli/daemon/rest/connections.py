"""One connection: whom it may come from, and how long and how large the head of a request may be.

What comes after the head is the application's affair; until then nobody has been asked for a token.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sophia_cli.daemon.requests import check_peer
from sophia_cli.daemon.rest.problems import MEDIA_TYPE, details
from sophia_cli.errors import InvalidInput, SophiaError, TooLarge

HEAD_TIMEOUT = 10.0
"""Seconds that a client has for the head of a request."""
LARGEST_HEAD = 64 << 10
"""Bytes that the head of a request may take."""
MOST_CONNECTIONS = 256
"""A listener's; more are closed at once: each takes a descriptor, which commands need too."""


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, with limits."""

    _timer: asyncio.TimerHandle | None = None
    _head: int | None = 0  # bytes of the head so far; None while the body comes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS or not self._is_ours(transport):
            transport.abort()
        else:
            self._limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._unlimit()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is None or self.transport.is_closing():
            return
        if self._head > LARGEST_HEAD:
            self._refuse(431, TooLarge("the head of the request is too large"))
        elif self._head and self._timer is None:
            self._limit()

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._unlimit()
        self._head = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """See httptools."""
        self._head = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """What cannot be read as HTTP is a problem like any other."""
        self._refuse(400, InvalidInput("this is not a request of HTTP/1.1"))

    def _is_ours(self, transport: asyncio.Transport) -> bool:
        peer: Any = transport.get_extra_info("socket")
        if peer.family != socket.AF_UNIX:
            return True
        try:
            check_peer(peer)
        except OSError:
            return False
        return True

    def _limit(self) -> None:
        self._timer = self.loop.call_later(HEAD_TIMEOUT, self.transport.abort)

    def _unlimit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: int, error: SophiaError) -> None:
        body = json.dumps(details(error, status, "")).encode()
        head = (
            f"HTTP/1.1 {status} \r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
