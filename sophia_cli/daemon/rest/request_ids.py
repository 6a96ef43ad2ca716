"""The id of a request: the client's own or a new one, sent back with every response."""

from __future__ import annotations

import re
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADER = b"x-request-id"
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._~+/=-]{1,128}")


class RequestIds:
    """Middleware: puts `request_id` and `started` (`time.perf_counter()`) into the state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        known = _WELL_FORMED.fullmatch(given)
        request_id = given.decode() if known else secrets.token_hex(8)
        scope["state"] |= {"request_id": request_id, "started": time.perf_counter()}

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        await self._app(scope, receive, send_with_id)
