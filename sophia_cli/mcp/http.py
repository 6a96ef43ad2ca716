"""The protocol over HTTP, for agents on other machines: one ASGI application below `/mcp`.

Stateless: every request carries all there is to know, so that there is no session that another
token could use, and a restart of the server loses nothing. Who asks, and what they may, is what the
gate in front has found. Nothing of the SDK is loaded before the first request.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup, TaskStatus
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sophia_cli.api.access import Access
from sophia_cli.api.memories import Memories

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

PATH = "/mcp"

_HERE = ("localhost", "127.0.0.1", "[::1]")


def application(memories: Callable[[Access], Memories]) -> Starlette:
    """The application. The caller's access is in `scope["state"]["access"]`.

    Args:
        memories: opens the memory for a caller; it may wait.
    """
    endpoint = _Endpoint(memories)
    application = Starlette(routes=[Route(PATH, endpoint)], lifespan=endpoint.lifespan)
    application.router.redirect_slashes = False
    return application


class _Endpoint:
    def __init__(self, memories: Callable[[Access], Memories]) -> None:
        self._memories = memories
        self._starting = anyio.Lock()
        self._manager: StreamableHTTPSessionManager | None = None
        self._tasks: TaskGroup | None = None

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """The time in which requests are served."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            yield
            tasks.cancel_scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        request = Request(scope)
        if request.method != "POST":  # There is no stream of our own to listen to, nor to end.
            await Response(status_code=405, headers={"allow": "POST"})(scope, receive, send)
            return
        manager = await self._started()
        refused = await _refused(request)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await manager.handle_request(scope, receive, send)

    async def _started(self) -> StreamableHTTPSessionManager:
        assert self._tasks is not None  # noqa: S101  (the lifespan is entered first)
        async with self._starting:
            if self._manager is None:
                self._manager = await self._tasks.start(self._run)
        return self._manager

    async def _run(self, *, task_status: TaskStatus[StreamableHTTPSessionManager]) -> None:
        manager = await anyio.to_thread.run_sync(self._made)
        async with manager.run():
            task_status.started(manager)
            await anyio.sleep_forever()

    def _made(self) -> StreamableHTTPSessionManager:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from sophia_cli.mcp.lines import LONGEST_LINE
        from sophia_cli.mcp.server import Caller, Context, build

        def caller_of(context: Context) -> Caller:
            access: Access = context.request.scope["state"]["access"]  # type: ignore[union-attr]
            return Caller(access, lambda: self._memories(access))

        return StreamableHTTPSessionManager(
            build(caller_of),
            stateless=True,
            json_response=True,
            max_request_body_size=LONGEST_LINE,
        )


async def _refused(request: Request) -> Response | None:
    """The answer to a page in a browser that is not of this machine; None for all others.

    A browser names the page's origin with every POST. Who names none is a program, which reaches
    this under whatever name the machine has.
    """
    if "origin" not in request.headers:
        return None
    from mcp.server.transport_security import (
        TransportSecurityMiddleware,
        TransportSecuritySettings,
    )

    hosts = [name + port for name in _HERE for port in ("", ":*")]
    origins = [f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts]
    settings = TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)
    return await TransportSecurityMiddleware(settings).validate_request(request, is_post=True)
