"""The resident process of this user's home: found, and started where none runs."""

from __future__ import annotations

import socket
import time

from sophia_cli.daemon import presence
from sophia_cli.errors import Unreachable
from sophia_cli.home import Home

_START_SECONDS = 60.0
_POLL = 0.02


def arrive(home: Home, path: str) -> None:
    """Starts the resident process unless it runs, and waits until it speaks HTTP.

    Raises:
        Unreachable: it does not, within a minute.
    """
    deadline = time.monotonic() + _START_SECONDS
    presence.start(home, _START_SECONDS)
    while not _listens(path):
        if time.monotonic() > deadline:
            raise Unreachable(
                f"the resident process does not speak HTTP within {_START_SECONDS:g} s",
                "`sophia status` shows it, `sophia logs` says why",
            )
        if presence.running(home) is None:  # It ended meanwhile.
            presence.start(home, _START_SECONDS)
        time.sleep(_POLL)


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(path)
        except OSError:
            return False
    return True
