"""ETags: the version of a memory, and what a request makes conditional on it (RFC 9110, 13)."""

from __future__ import annotations

import re

from starlette.requests import Request

from sophia_cli.daemon.rest.problems import PreconditionFailed

_TAGS = re.compile(r'(W/)?"([^"]*)"')


def etag(version: int) -> str:
    """The strong tag of a version."""
    return f'"{version}"'


def is_known(request: Request, version: int) -> bool:
    """Whether the client has this version already, by its `If-None-Match`."""
    given = ",".join(request.headers.getlist("if-none-match"))
    return given.strip() == "*" or any(tag == str(version) for _, tag in _TAGS.findall(given))


def wanted_version(request: Request) -> int | None:
    """The only version that is to be changed, by `If-Match`; None for any.

    Raises:
        PreconditionFailed: it names none of ours, or several.
    """
    given = ",".join(request.headers.getlist("if-match")).strip()
    if not given or given == "*":
        return None
    match _TAGS.findall(given):
        case [("", version)] if version.isascii() and version.isdecimal():
            return int(version)
    raise PreconditionFailed(
        "If-Match does not name one version of the memory", "send the ETag that a GET gave"
    )
