"""Kills the processes of a home at random moments, with the kernel's word for who they are."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable

from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.valkey import Valkey
from sophia_cli.home import Home
from sophia_cli.locations import resident_socket

VICTIMS = ("resident", "postgres", "valkey")


class Killer(threading.Thread):
    """Kills each of `VICTIMS` `times` times, spread at random over the progress of the work.

    Args:
        progress: how much of the work is done, 0 to 1.
    """

    def __init__(
        self, home: Home, times: int, chance: random.Random, progress: Callable[[], float]
    ) -> None:
        super().__init__(name="killer", daemon=True)
        self._home = home
        self._chance = chance
        self._progress = progress
        self._moments = sorted(
            (chance.uniform(0.02, 0.95), name) for name in VICTIMS for _ in range(times)
        )
        self._last: dict[str, int] = {}
        self._ended = threading.Event()
        self.killed: Counter[str] = Counter()

    def run(self) -> None:
        """Works until every kill is made, or until `stop`."""
        for moment, name in self._moments:
            while self._progress() < moment and not self._ended.wait(0.005):
                pass
            time.sleep(self._chance.uniform(0.0, 0.05))
            while not self._ended.is_set() and not self._kill(name):
                time.sleep(0.005)

    def stop(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self.join()

    def _kill(self, name: str) -> bool:
        """Kills a process if it runs, and is another than the one that was killed before."""
        pid = _pid(self._home, name)
        if pid is None or pid == self._last.get(name):
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self._last[name] = pid
            self.killed[name] += 1
            return True
        return False


def _pid(home: Home, name: str) -> int | None:
    """The process that listens on a socket of the home, None when nobody does."""
    if name == "postgres":
        return Postgres(home).pid()
    if name == "valkey":
        return Valkey(home).pid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(resident_socket(str(home.root)))
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError:
            return None
    return struct.unpack("3i", credentials)[0] or None
