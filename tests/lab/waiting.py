"""Waiting for what a host or a service brings about by itself."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from tests.lab.docker import LabError


def wait_until(holds: Callable[[], object], what: str, timeout: float = 30.0) -> None:
    """Waits until something holds.

    Raises:
        LabError: it did not within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            raise LabError(f"{what} did not come about within {timeout:g} s")
        time.sleep(0.1)


def answers(address: str, port: int, greeting: bytes = b"") -> bool:
    """Whether somebody listens there, and greets as expected."""
    try:
        with socket.create_connection((address, port), 1.0) as connection:
            return not greeting or connection.recv(len(greeting)) == greeting
    except OSError:
        return False
