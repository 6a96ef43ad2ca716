"""REST's thread in the resident process: its start behind the first command, and its end.

Neither FastAPI nor asyncio is imported here: they take 0.4 s, which no command is to wait for.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sophia_cli.config.loading import load
from sophia_cli.config.model import Config
from sophia_cli.daemon.host import Host
from sophia_cli.daemon.rest.state import State
from sophia_cli.home import Home
from sophia_cli.locations import rest_socket
from sophia_cli.logs.events import log

if TYPE_CHECKING:
    import asyncio

_PAUSE = 5.0
_POLL = 0.1


class RestThread:
    """The server: a thread with an event loop, which comes back when it fails.

    Args:
        home: whose memory it serves.
        host: opens the service.
        patience: seconds that requests have to come to their end after `stop`.
        on_end: called when nothing is served any more.
    """

    def __init__(self, home: Home, host: Host, patience: float, on_end: Callable[[], None]) -> None:
        self._path = Path(rest_socket(str(home.root)))
        self._host = host
        self._patience = int(patience)
        self._on_end = on_end
        self._state = State()
        self._thread = threading.Thread(target=self._run, name="rest", daemon=True)
        self._ended = threading.Event()
        self._ready: threading.Thread | None = None
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None

    def start(self, after: threading.Thread) -> None:
        """Starts the thread, which does nothing before `after` has ended."""
        self._ready = after
        self._thread.start()

    def stop(self) -> None:
        """Lets the listeners close and the requests come to their end; returns at once."""
        self._stopping.set()
        loop, stopped = self._loop, self._stopped
        if loop is not None and stopped is not None:
            with contextlib.suppress(RuntimeError):  # it is over already
                loop.call_soon_threadsafe(stopped.set)

    @property
    def ended(self) -> bool:
        """Whether nothing is served any more."""
        return self._ended.is_set()

    def _run(self) -> None:
        try:
            self._serve_until_stopped()
        finally:
            self._ended.set()
            self._on_end()

    def _serve_until_stopped(self) -> None:
        while self._ready is not None and self._ready.is_alive() and not self._stopping.is_set():
            self._ready.join(_POLL)
        import asyncio

        while not self._stopping.is_set():
            try:
                asyncio.run(self._serve())
            except Exception as error:
                log.exception("rest failed")
                self._state.fault = f"it failed: {type(error).__name__}"
                self._stopping.wait(_PAUSE)

    async def _serve(self) -> None:
        import asyncio

        from sophia_cli.daemon.rest.backend import Backend
        from sophia_cli.daemon.rest.serving import serve
        from sophia_cli.daemon.rest.settings import Settings

        self._stopped = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._stopping.is_set():
            return
        backend = Backend(Settings(_configuration), self._host.open)
        await serve(backend, listen_at(str(self._path)), self._state, self._stopped, self._patience)
        self._path.unlink(missing_ok=True)


def _configuration() -> Config:
    """As a command without options would have it now."""
    return load(dict(os.environ), {}).config


def listen_at(path: str) -> socket.socket:
    """The socket in the home; a stale one is ours to remove, since we hold the home's lock."""
    Path(path).unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(path)
        Path(path).chmod(0o600)
    except BaseException:
        bound.close()
        raise
    return bound
