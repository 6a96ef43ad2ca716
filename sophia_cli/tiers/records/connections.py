"""A connection to PostgreSQL whose caller decides how long to wait.

The server's own `statement_timeout` ends a statement that is slow; it says nothing of a server that
is frozen, or of a network that swallows what is sent. libpq waits for those for ever.
"""

from __future__ import annotations

import math
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen

_INTERVAL = 0.1
_AT_ONCE = struct.pack("ii", 1, 0)


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which no wait goes on beyond `until`; then it is closed.

    Whether the server carried out what it was last told is then unknown.

    Attributes:
        until: a moment of `time.monotonic()`.
        named: what the server calls us in its log and in pg_stat_activity.
    """

    until = math.inf
    named = "sophia"

    def name(self, name: str) -> None:
        """Has the server call us by another name from now on."""
        if name != self.named:
            self.execute("SELECT set_config('application_name', %s, false)", [name])
            self.named = name

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL, timeout: float | None = None) -> RV:
        """Waits as psycopg does, but not beyond `until`.

        Raises:
            OperationalError: the time is up, besides all that psycopg raises.
        """
        if self.until < math.inf:
            left = max(0.0, self.until - time.monotonic())
            timeout = left if timeout is None else min(timeout, left)
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.OperationalError:
            if time.monotonic() >= self.until:
                self._hang_up()
            raise

    def _hang_up(self) -> None:
        """Closes without delivering late what could not be delivered in time."""
        if not self.closed:
            with socket.socket(fileno=os.dup(self.pgconn.socket)) as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self.pgconn.finish()


def telling(failed: Callable[[psycopg.Error], None]) -> type[Connection]:
    """Connections for a pool, which itself says only that it waited: `failed` hears why."""

    class Telling(Connection):
        @classmethod
        def connect(cls, conninfo: str = "", **settings: Any) -> Any:
            try:
                return super().connect(conninfo, **settings)
            except psycopg.Error as error:
                failed(error)
                raise

    return Telling
