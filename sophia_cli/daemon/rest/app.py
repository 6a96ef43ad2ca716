"""The application: what is served, in one list each for our own routes and for other faces."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from sophia_cli import __version__
from sophia_cli.daemon.rest import handlers
from sophia_cli.daemon.rest.backend import Backend
from sophia_cli.daemon.rest.errors import Errors
from sophia_cli.daemon.rest.gate import Caller, Gate
from sophia_cli.daemon.rest.limits import Limits
from sophia_cli.daemon.rest.readiness import Readiness
from sophia_cli.daemon.rest.request_ids import RequestIds
from sophia_cli.daemon.rest.routes import (
    description,
    figures,
    health,
    memories,
    metrics,
    questions,
)
from sophia_cli.daemon.rest.state import State
from sophia_cli.mcp import http as mcp

ROUTERS = (
    memories.router,
    questions.router,
    figures.router,
    metrics.router,
    health.router,
    description.router,
)
# Requests at work at once. Each holds a connection to PostgreSQL for parts of its time only.
_THREADS = 16


@dataclass(frozen=True, slots=True)
class Face:
    """Another application behind the same gate, at `path` and below; it sees the whole path.

    Its lifespan runs as long as the server does. The caller is in `scope["state"]["access"]`.
    """

    path: str
    app: Starlette


def faces(backend: Backend) -> Sequence[Face]:
    """What is served beside our own routes."""
    return (Face(mcp.PATH, mcp.application(backend.memories)),)


class Application:
    """Everything that is served: `behind` makes a door to it, `running` keeps it alive.

    Args:
        backend: what the requests stand on.
        state: how the listener on TCP is.
    """

    def __init__(self, backend: Backend, state: State) -> None:
        self._own = own_routes()
        self._own.state.backend = backend
        self._own.state.readiness = Readiness(backend)
        self._own.state.tcp = state
        self._limited = Limits(self._dispatch, backend)
        self._faces = faces(backend)

    def behind(self, identify: Callable[[Scope], Awaitable[Caller]]) -> ASGIApp:
        """The application as it is served to those whom `identify` knows."""
        return RequestIds(Errors(Gate(self._limited, identify)))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs the lifespan of each face."""
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        async with contextlib.AsyncExitStack() as stack:
            for face in self._faces:
                await stack.enter_async_context(face.app.router.lifespan_context(face.app))
            yield

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        for face in self._faces:
            if path == face.path or path.startswith(face.path + "/"):
                await face.app(scope, receive, send)
                return
        await self._own(scope, receive, send)


def own_routes() -> FastAPI:
    """The routes of `ROUTERS`, with every error as a problem."""
    app = FastAPI(
        title="sophia",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name.rstrip("_"),
        exception_handlers=handlers.HANDLERS,
        # It would send exceptions, and what is asked for in addresses, wherever the process says.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.routes = [route for router in ROUTERS for route in router.routes]
    for router in ROUTERS:
        app.include_router(router)
    return app
