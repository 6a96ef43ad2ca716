"""The gate: no request goes on before it is known who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from sophia_cli.api.access import OWNER, Access

OWNER_ID = "owner"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an id that belongs to nobody else, and what they may do."""

    id: str
    access: Access


class Gate:
    """Middleware: puts `caller` (the id) and `access` into the state, or keeps them out.

    Args:
        app: what lies behind.
        identify: says who asks; raises `Unauthorized`, `RateLimited` or `TierDown`.
    """

    def __init__(self, app: ASGIApp, identify: Callable[[Scope], Awaitable[Caller]]) -> None:
        self._app = app
        self._identify = identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        caller = await self._identify(scope)
        scope["state"] |= {"caller": caller.id, "access": caller.access}
        await self._app(scope, receive, send)


async def owner(scope: Scope) -> Caller:  # noqa: ARG001
    """Who may open the socket in the home."""
    return Caller(OWNER_ID, OWNER)
