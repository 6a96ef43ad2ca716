"""The gate: no request goes on before it is known who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from sophia_cli.api.access import OWNER, Access

Caller = Callable[[Scope], Awaitable[Access]]


class Gate:
    """Middleware: puts the caller's `access` into the state, or raises what keeps them out.

    Args:
        app: what lies behind.
        caller: says who asks; raises `Unauthorized`, `RateLimited` or `TierDown`.
    """

    def __init__(self, app: ASGIApp, caller: Caller) -> None:
        self._app = app
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        scope["state"]["access"] = await self._caller(scope)
        await self._app(scope, receive, send)


async def owner(scope: Scope) -> Access:  # noqa: ARG001
    """Who may open the socket in the home."""
    return OWNER
