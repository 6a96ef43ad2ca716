"""A relay that bends what a server says on its way back: real servers that answer otherwise."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from tests.faults.relay import Relay


class Bent(Relay):
    """A `Relay` whose answers go through `bend`.

    Attributes:
        host: where a port of the target is.
    """

    host = "127.0.0.1"

    def __init__(
        self, target: str | int, bend: Callable[[bytes], bytes] = lambda data: data
    ) -> None:
        self.bend = bend
        super().__init__(target)

    def _pass(self, source: socket.socket, target: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(self.bend(data) if target is client else data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _reached(self) -> socket.socket:
        if isinstance(self.target, int):
            return socket.create_connection((self.host, self.target))
        return super()._reached()
