"""An HTTP server with threads; it can stop as the real one: open connections are served out."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `caller` is the address that it came from."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    caller: str


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    content_type: str | None = None


Handle = Callable[["Request"], "Reply"]


class NoAnswer(Exception):
    """The connection is to be closed without a word."""


class Server:
    """Listens at once, serves from `start` on.

    Raises:
        OSError: (constructor) the address is taken.
    """

    def __init__(
        self,
        host: str,
        port: int,
        handle: Handle,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._handle = handle
        self._lock = threading.Lock()
        self._open: dict[int, float] = {}
        self._busy = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                outer._seen(id(self))

            def finish(self) -> None:
                outer._gone(id(self))
                super().finish()

            def answer(self) -> None:
                outer._answer(self)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

            def version_string(self) -> str:
                return "a stand-in for Qdrant, for tests"

            def log_message(self, *_: object) -> None: ...

        class Listening(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024

            def handle_error(self, *_: object) -> None:
                """A client that went away."""

        self._server = Listening((host, port), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def start(self) -> None:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        ).start()

    def refuse_new(self) -> None:
        """Takes no further connection; those that are open are served on."""
        self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.socket.close()

    def wait_until_idle(self, least: float, idle: float, most: float) -> None:
        """Returns when clients hold no connection, or use none for `idle` seconds."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) < most:
            with self._lock:
                last = max(self._open.values(), default=None)
            if waited >= least and last is None:
                return
            if last is not None and not self._busy and time.monotonic() - max(last, began) >= idle:
                return
            time.sleep(0.01)

    def wait_until_answered(self, most: float) -> None:
        """Returns when no request is being worked on."""
        until = time.monotonic() + most
        while self._busy and time.monotonic() < until:
            time.sleep(0.005)

    def _seen(self, connection: int) -> None:
        with self._lock:
            self._open[connection] = time.monotonic()

    def _gone(self, connection: int) -> None:
        with self._lock:
            self._open.pop(connection, None)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self._busy += 1
        try:
            self._seen(id(handler))
            length = int(handler.headers.get("Content-Length") or 0)
            parts = urlsplit(handler.path)
            request = Request(
                handler.command,
                parts.path,
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in handler.headers.items()},
                handler.rfile.read(length) if length else b"",
                handler.client_address[0],
            )
            try:
                reply = self._handle(request)
            except NoAnswer:
                handler.close_connection = True
                return
            self._send(handler, reply)
        finally:
            self._seen(id(handler))
            with self._lock:
                self._busy -= 1

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        handler.send_response(reply.status)
        if reply.content_type is not None:
            handler.send_header("Content-Type", reply.content_type)
        handler.send_header("Content-Length", str(len(reply.body)))
        buffered: list[bytes] = handler._headers_buffer  # type: ignore[attr-defined]
        # Headers and body in one packet: two would wait for each other (Nagle, delayed ACK).
        handler.wfile.write(b"".join(buffered) + b"\r\n" + reply.body)
        handler._headers_buffer = []  # type: ignore[attr-defined]
