"""What a client may send and how slowly: the size of a body, and the wait for each piece."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sophia_cli.config.shapes import bytes_in
from sophia_cli.daemon.rest.backend import Backend
from sophia_cli.daemon.rest.errors import Cut
from sophia_cli.daemon.rest.problems import TooSlow
from sophia_cli.errors import TooLarge


class Limits:
    """Middleware: what is read and sent through it raises where a client goes too far."""

    def __init__(self, app: ASGIApp, backend: Backend) -> None:
        self._app = app
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        settings = self._backend.settings.rest
        largest, patience = bytes_in(settings.largest_body), settings.timeout.total_seconds()
        loop = asyncio.get_running_loop()
        deadline, read, whole = loop.time() + patience, 0, False

        async def receive_within() -> Message:
            nonlocal read, whole
            if whole:
                return await receive()  # waits for the client to go away
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise TooSlow(f"the request did not come within {patience:g} s") from None
            read += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if read > largest:
                raise _too_large(largest)
            return message

        async def send_within(message: Message) -> None:
            try:
                async with asyncio.timeout(patience):
                    await send(message)
            except TimeoutError:
                raise Cut from None  # a client that does not read

        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > largest:
                raise _too_large(largest)
        await self._app(scope, receive_within, send_within)


def _too_large(largest: int) -> TooLarge:
    return TooLarge(f"the request is larger than {largest:,} bytes", "send it in parts")
