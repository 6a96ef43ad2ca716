"""The outermost guard: whatever is raised becomes a problem, or the end of a broken response."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sophia_cli.daemon.rest.problems import Internal, problem
from sophia_cli.errors import SophiaError
from sophia_cli.logs.events import log


class Cut(Exception):
    """The response cannot be completed: its connection is to be closed, so that this is seen."""


class Errors:
    """Middleware: no exception but `Cut` leaves it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        begun = complete = False

        async def watched(message: Message) -> None:
            nonlocal begun, complete
            begun = True
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body")

        request_id = scope["state"]["request_id"]
        try:
            await self._app(scope, receive, watched)
        except SophiaError as error:
            response = problem(error, request_id)
        except Cut:
            raise
        except Exception:
            log.exception("a request failed", route=_route(scope))
            response = problem(Internal(), request_id)
        else:
            return
        if not begun:
            await response(scope, receive, send)
        elif not complete:
            raise Cut


def _route(scope: Scope) -> str | None:
    """The route, not the path: that is what the client says."""
    return getattr(scope.get("route"), "path", None)
