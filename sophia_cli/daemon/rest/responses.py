"""What a result looks like on the wire: the envelope of the command line's `--json`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sophia_cli.api.results import Result, envelope


def enveloped(
    request: Request,
    answered: Result[Any],
    command: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response that carries a result.

    Args:
        command: the command that answers the same on the command line.
    """
    spent = (time.perf_counter() - request.state.started) * 1000
    return as_json(envelope(answered, command, spent), status, headers)


def as_json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with JSON in it, which nobody on the way may keep."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(
        text, status, {"cache-control": "no-store", **(headers or {})}, "application/json"
    )
