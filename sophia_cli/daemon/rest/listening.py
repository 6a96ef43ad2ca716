"""One listener: uvicorn on a socket that is bound already, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

import uvicorn
from starlette.types import ASGIApp

from sophia_cli.daemon.rest.connections import Connection
from sophia_cli.logs.events import log

_BACKLOG = 512
# Longer than clients keep theirs, so that none sends a request into a connection that is closing.
_KEEP_ALIVE = 75
# Our own guard has logged by then what went wrong, with the request's id and without its content.
logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


class Listener:
    """Serves an application on one socket.

    Args:
        app: the door that this socket leads to.
        bound: the socket, which now belongs to the listener.
        patience: seconds that requests have to come to their end after `stop`.
        tls: what it is encrypted with; None for plain HTTP.
    """

    def __init__(
        self, app: ASGIApp, bound: socket.socket, patience: int, tls: ssl.SSLContext | None = None
    ) -> None:
        self._bound = bound
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=patience,
                ssl_context_factory=None if tls is None else lambda *_: tls,
            )
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to serve, on the running loop."""
        self._task = asyncio.create_task(self._server.serve([self._bound]))

    @property
    def serving(self) -> bool:
        """Whether it has neither been stopped nor failed."""
        return self._task is not None and not self._task.done()

    def stop(self) -> None:
        """Takes no more connections, from now on: its address is free for another one."""
        self._server.should_exit = True
        for server in getattr(self._server, "servers", ()):
            server.close()
        self._bound.close()

    async def ended(self) -> None:
        """Waits, after `stop`, for the requests to come to their end; then they are cut."""
        if self._task is not None:
            try:
                await self._task
            except OSError as error:
                log.warning("rest: a listener failed", reason=str(error))
