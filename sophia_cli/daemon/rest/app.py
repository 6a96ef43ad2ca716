"""The application: what is served, in one list each for our own routes and for other faces."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from sophia_cli import __version__
from sophia_cli.api.requests import invalid
from sophia_cli.daemon.rest.backend import Backend
from sophia_cli.daemon.rest.errors import Errors
from sophia_cli.daemon.rest.gate import Caller, Gate
from sophia_cli.daemon.rest.problems import of_http, problem
from sophia_cli.daemon.rest.request_ids import RequestIds
from sophia_cli.daemon.rest.routes import health, metrics, questions
from sophia_cli.errors import SophiaError

ROUTERS = (questions.router, health.router, metrics.router)


@dataclass(frozen=True, slots=True)
class Face:
    """Another application behind the same gate, below `path`; it sees the whole path.

    Its lifespan runs as long as the server does. The caller is in `scope["state"]["access"]`.
    """

    path: str
    app: Starlette


def faces(backend: Backend) -> Sequence[Face]:  # noqa: ARG001
    """What is served beside our own routes."""
    return ()


class Application:
    """Everything that is served. `behind` makes a door to it; `running` keeps it alive."""

    def __init__(self, backend: Backend) -> None:
        self._own = own_routes(backend)
        self._faces = faces(backend)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        path = scope["path"]
        for face in self._faces:
            if path == face.path or path.startswith(face.path + "/"):
                await face.app(scope, receive, send)
                return
        await self._own(scope, receive, send)

    def behind(self, identify: Callable[[Scope], Awaitable[Caller]]) -> ASGIApp:
        """The application as it is served to those whom `identify` knows."""
        return RequestIds(Errors(Gate(self, identify)))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs the lifespan of each face."""
        async with contextlib.AsyncExitStack() as stack:
            for face in self._faces:
                await stack.enter_async_context(face.app.router.lifespan_context(face.app))
            yield


def own_routes(backend: Backend) -> FastAPI:
    """The routes of `ROUTERS`, with every error as a problem."""
    app = FastAPI(
        title="sophia",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.backend = backend
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(SophiaError, _sophia_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    return app


def _sophia_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SophiaError)  # noqa: S101  (it is registered for that)
    return problem(error, request.state.request_id)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    said = of_http(error)
    return problem(
        said, request.state.request_id, None if said is error.__cause__ else error.status_code
    )


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return problem(invalid(error.errors()), request.state.request_id)
