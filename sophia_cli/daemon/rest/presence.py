"""REST seen from outside: whether it answers on its socket, and how it is on TCP."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import Any

from sophia_cli.daemon.presence import Condition, running
from sophia_cli.home import Home
from sophia_cli.locations import rest_socket

_TIMEOUT = 3.0
_POLL = 0.02
_REQUEST = b"GET /health/live HTTP/1.1\r\nhost: sophia\r\nconnection: close\r\n\r\n"


def condition(home: Home, timeout: float = _TIMEOUT) -> tuple[Condition, str]:
    """How REST is, by asking it, and where it listens, or why not."""
    path = rest_socket(str(home.root))
    if running(home) is None:
        return Condition.STOPPED, path
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(path)
            connection.sendall(_REQUEST)
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
            tcp: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])["tcp"]
        except TimeoutError:
            return Condition.FROZEN, path
        except (OSError, ValueError, LookupError, TypeError):
            return Condition.NOT_READY, path
    detail = f"{path} {tcp['listening'] or ''}".rstrip()
    return Condition.RUNNING, detail if tcp["fault"] is None else f"{detail}; {tcp['fault']}"


def wait_until_ready(home: Home, timeout: float) -> None:
    """Waits until it answers; at most `timeout` seconds, for all else works without it."""
    deadline = time.monotonic() + timeout
    with contextlib.suppress(OSError):
        while condition(home)[0] is Condition.NOT_READY and time.monotonic() < deadline:
            time.sleep(_POLL)
