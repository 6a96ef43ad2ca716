"""One question over HTTP, answered within a time or not at all; redirects are not followed."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sophia_cli.config.secrets import mask

PATIENCE = 3.0
"""Seconds that a server has for one answer."""
_LARGEST = 1 << 20


def get(url: str, headers: Mapping[str, str]) -> tuple[int, Any] | str:
    """The status of an answer and its JSON (None where it is none), or why there is no answer."""
    return _asked("GET", url, headers, None)


def post(url: str, headers: Mapping[str, str], content: Mapping[str, Any]) -> tuple[int, Any] | str:
    """The same, for a question that is JSON."""
    body = json.dumps(content).encode()
    return _asked("POST", url, {**headers, "Content-Type": "application/json"}, body)


def _asked(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> tuple[int, Any] | str:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection: http.client.HTTPConnection
    try:
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(
                parts.hostname or "",
                parts.port or 443,
                timeout=PATIENCE,
                context=ssl.create_default_context(),
            )
        else:
            connection = http.client.HTTPConnection(
                parts.hostname or "", parts.port or 80, timeout=PATIENCE
            )
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            content = answer.read(_LARGEST)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return line_of(error)
    try:
        return answer.status, json.loads(content)
    except ValueError:
        return answer.status, None


def result_of(answer: tuple[int, Any] | str) -> dict[str, Any] | str:
    """What Qdrant puts under `result`, or why there is nothing."""
    if isinstance(answer, str):
        return answer
    status, body = answer
    if status != 200:
        return f"it answers {status}"
    result = body.get("result") if isinstance(body, dict) else None
    return result if isinstance(result, dict) else "it answers what no Qdrant answers"


def line_of(error: Exception) -> str:
    """What an error means, in one line without a password."""
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE:g} s"
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    lines = str(error).strip().splitlines()
    return mask(lines[0]) if lines else type(error).__name__
