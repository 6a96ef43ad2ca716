"""What the framework and the memory raise while a request is carried out, as problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from sophia_cli.api.requests import invalid
from sophia_cli.daemon.rest.problems import Internal, of_http, problem
from sophia_cli.errors import InvalidInput, SophiaError

_HINT = "/openapi.json has the schema of the request"


async def of_sophia(request: Request, error: Exception) -> Response:
    """Ours."""
    assert isinstance(error, SophiaError)  # noqa: S101  (it is registered for that)
    return problem(error, request.state.request_id)


async def of_framework(request: Request, error: Exception) -> Response:
    """A path or a method that there is none of, a body that could not be read."""
    assert isinstance(error, HTTPException)  # noqa: S101
    response = problem(of_http(error), request.state.request_id)
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["allow"] = ", ".join(sorted(_methods(request)))
    return response


async def of_validation(request: Request, error: Exception) -> Response:
    """A request that is not as its schema says; names the fields, never what was given."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return problem(_invalid(error.errors()), request.state.request_id)


async def of_anything(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """What nobody has foreseen; `Errors` logs it."""
    return problem(Internal(), request.state.request_id)


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Any]] = {
    SophiaError: of_sophia,
    HTTPException: of_framework,
    RequestValidationError: of_validation,
    Exception: of_anything,
}
"""By what is raised."""


def _invalid(errors: Sequence[Mapping[str, Any]]) -> InvalidInput:
    first = errors[0]
    if first["type"] == "json_invalid":
        return InvalidInput(f"the body is not JSON at character {first['loc'][-1]}", _HINT)
    # `body`, `query` and `path` are left out, but where all of it is meant.
    fields = [{**each, "loc": each["loc"][1:] or each["loc"]} for each in errors]
    return InvalidInput(invalid(fields).message, _HINT)


def _methods(request: Request) -> Iterable[str]:
    """All that the path can be asked with: the framework names those of one route only."""
    for route in request.app.state.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            yield from route.methods or ()
