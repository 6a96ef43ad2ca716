"""One listener: uvicorn on a socket that is bound already, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

import uvicorn
from starlette.types import ASGIApp

from sophia_cli.daemon.rest.connections import Connection

_BACKLOG = 512
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
                timeout_graceful_shutdown=patience,
                ssl_context_factory=None if tls is None else lambda *_: tls,
            )
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to serve, on the running loop."""
        self._task = asyncio.create_task(self._server.serve([self._bound]))

    async def stop(self) -> None:
        """Closes the socket, lets the requests come to their end, and then cuts them."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._bound.close()
