"""What an error of the Qdrant client means: is it this peer's trouble, or the request's own?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc  # type: ignore[import-untyped]
import httpx
from pydantic import ValidationError
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

# Another peer would say the same of the request; everything else is worth asking elsewhere.
_OF_THE_REQUEST = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 412,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}
_BUSY = (408, 429)
_LONGEST = 200
_FOREIGN = "an answer that is none of Qdrant's"


class Foreign(Exception):
    """An answer that cannot be read: whoever gave it is no Qdrant, or not well."""


@contextmanager
def believing() -> Iterator[None]:
    """Reads an answer; what does not hold together is the peer's fault, not ours.

    Raises:
        Foreign: a field is missing, of another type, or a number that is none.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise Foreign(_FOREIGN) from error


class Unfinished(Exception):
    """A write was taken but not carried out in time: `acknowledged` or `wait_timeout`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An error of the client in one line.

    Attributes:
        of_peer: whether the next peer is worth asking; what was asked may have been done.
        status: the HTTP status, or the one closest to gRPC's; None without an answer.
        silent: whether it was waited for in vain.
        bare: the reason without the server's own words, which may quote what it was sent.
    """

    reason: str
    of_peer: bool
    status: int | None = None
    silent: bool = False
    bare: str = ""


def fault_of(error: Exception) -> Fault | None:
    """Reads an error of the client; None when it is not the client's."""
    if isinstance(error, UnexpectedResponse):
        status = error.status_code or 0
        reason = f"{status} {_message(error.content) or error.reason_phrase}"
        return Fault(_line(reason), status >= 500 or status in _BUSY, status, bare=str(status))
    if isinstance(error, ResponseHandlingException):
        silent = isinstance(error.source, httpx.TimeoutException)
        return Fault(_transport(error.source), of_peer=True, silent=silent)
    if isinstance(error, ResourceExhaustedResponse):
        return Fault("429 it is overloaded", of_peer=True, status=429)
    if isinstance(error, grpc.RpcError):
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
        details = error.details() if isinstance(error, grpc.Call) else None
        status_like = _OF_THE_REQUEST.get(code)
        reason = _line(f"{code.name.lower()} {details or ''}")
        silent = code is grpc.StatusCode.DEADLINE_EXCEEDED
        of_peer, bare = status_like is None, code.name.lower()
        return Fault(reason, of_peer=of_peer, status=status_like, silent=silent, bare=bare)
    if isinstance(error, Unfinished | Foreign):
        return Fault(_line(str(error)), of_peer=True)
    # The client asserts that an answer has a result, and lets through what it cannot read.
    if isinstance(error, AssertionError | json.JSONDecodeError | ValidationError):
        return Fault(_FOREIGN, of_peer=True)
    return None


def _transport(source: Exception) -> str:
    if isinstance(source, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(source, httpx.ConnectError):
        return _line(f"no connection: {source}")
    if isinstance(source, httpx.HTTPError):
        return _line(f"{type(source).__name__}: {source}")
    return _FOREIGN


def _message(content: bytes) -> str:
    """The server's own words in an error's body: `{"status": {"error": "..."}}`."""
    try:
        return str(json.loads(content)["status"]["error"])
    except (ValueError, KeyError, TypeError):
        return ""


def _line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
