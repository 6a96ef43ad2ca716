"""Errors as HTTP says them: problem details (RFC 9457), with the command line's code and hint."""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from sophia_cli.daemon.rest.statuses import STATUSES
from sophia_cli.errors import RateLimited, SophiaError

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER = 1
# What is left unread of a request would be taken for the next one.
_ENDS_CONNECTION = {401, 408, 413}
# What the framework itself refuses a request with; all else would be a fault of ours.
_OF_THE_FRAMEWORK = {
    400: ("invalid_input", "the body cannot be read"),
    404: ("not_found", "there is no such path"),
    405: ("method_not_allowed", "the path does not take this method"),
}


class Internal(SophiaError):
    """An error in sophia itself. What it is stands in the log, under the request's id."""

    code = "internal"

    def __init__(self) -> None:
        super().__init__("an error in sophia itself", "its log says more, under the request's id")


class TooSlow(SophiaError):
    """The client took too long to send its request."""

    code = "timeout"


class PreconditionFailed(SophiaError):
    """`If-Match` names another version than there is."""

    code = "precondition_failed"


def problem(error: SophiaError, request_id: str) -> Response:
    """The response that says `error`; of one that is ours to mend it says nothing."""
    status = STATUSES[error.code]
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        error = Internal()
    body = details(error, status, request_id)
    return Response(
        json.dumps(body, separators=(",", ":")), status, _headers(error, status), MEDIA_TYPE
    )


def details(error: SophiaError, status: int, request_id: str) -> dict[str, Any]:
    """The members of a problem."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": error.code,
        "detail": error.message,
        "hint": error.hint,
        "request_id": request_id,
    }


def of_http(error: HTTPException) -> SophiaError:
    """What the framework found wrong, in our words."""
    if isinstance(error.__cause__, SophiaError):
        return error.__cause__  # FastAPI wraps what reading the body raised
    code, message = _OF_THE_FRAMEWORK.get(error.status_code, ("internal", ""))
    said = SophiaError(message, "see /openapi.json")
    said.code = code
    return said


def _headers(error: SophiaError, status: int) -> dict[str, str]:
    headers = {"cache-control": "no-store"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="sophia"'
    if isinstance(error, RateLimited):
        headers["retry-after"] = str(max(1, math.ceil(error.seconds)))
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = str(_RETRY_AFTER)
    if status in _ENDS_CONNECTION:
        headers["connection"] = "close"
    return headers
