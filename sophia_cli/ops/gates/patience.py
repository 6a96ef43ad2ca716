"""How gates wait for a service that may still be starting, and what its container says of it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from typing import TypeVar

from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.ops.connection.protocol import Command, Connection
from sophia_cli.ops.errors import GateFailed, HostKeyRefused, HostUnreachable, SudoRefused

T = TypeVar("T")
_PAUSE = 0.5
_LINES = 3
# Waiting does not help: nobody can be asked at all.
_FINAL = (HostUnreachable, HostKeyRefused, SudoRefused)


def patiently(ask: Callable[[], T], seconds: float) -> T:
    """Asks until the answer is right, at most `seconds` long; the last complaint counts.

    Raises:
        GateFailed, Unreachable: as `ask` raised it last.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (GateFailed, Unreachable) as error:
            if isinstance(error, _FINAL) or time.monotonic() + _PAUSE >= deadline:
                raise
        time.sleep(_PAUSE)


def last_words(connection: Connection, container: str) -> str:
    """The state of a container and the last lines of its log, in one line; empty if not to be had.

    For a message: what a service says when it does not start is worth more than that it does not.
    """
    name = shlex.quote(container)
    command = (
        f"docker inspect --format '{{{{.State.Status}}}}' {name} 2>&1; "
        f"docker logs --tail {_LINES} {name} 2>&1"
    )
    try:
        finished = connection.run(Command(command, timeout=20))
    except SophiaError:
        return ""
    return " | ".join(line.strip() for line in finished.stdout.splitlines() if line.strip())[:500]
