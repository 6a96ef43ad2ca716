"""The id of a request: the client's own or a new one, sent back with every response."""

from __future__ import annotations

import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sophia_cli import correlation

_HEADER = correlation.HEADER.lower().encode()


class RequestIds:
    """Middleware: puts `request_id` and `started` (`time.perf_counter()`) into the state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        with correlation.request(given.decode("latin-1")) as request_id:
            scope["state"] |= {"request_id": request_id, "started": time.perf_counter()}

            async def send_with_id(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message)[correlation.HEADER] = request_id
                await send(message)

            await self._app(scope, receive, send_with_id)
