"""The event loop of REST: the socket in the home always, TCP as the configuration has it just now.

What is wrong with TCP (a port that is taken, a certificate that is none) is said once in the log
and in `sophia status`, and tried again; all else goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

from sophia_cli.config.faces import Rest
from sophia_cli.daemon.rest import tcp
from sophia_cli.daemon.rest.app import Application
from sophia_cli.daemon.rest.backend import Backend
from sophia_cli.daemon.rest.bearer import Bearer
from sophia_cli.daemon.rest.gate import owner
from sophia_cli.daemon.rest.listening import Listener
from sophia_cli.daemon.rest.state import State
from sophia_cli.errors import SophiaError
from sophia_cli.logs.events import log

_LOOK_EVERY = 1.0


async def serve(
    backend: Backend,
    bound: socket.socket,
    state: State,
    stopped: asyncio.Event,
    patience: int,
) -> None:
    """Serves until `stopped`, or until the socket is gone; then lets the requests end.

    Args:
        bound: the socket in the home, bound already.
        state: where it is said how TCP is.
        patience: seconds that requests have to come to their end.
    """
    app, path = Application(backend, state), Path(bound.getsockname())
    async with app.running():
        home = Listener(app.behind(owner), bound, patience)
        home.start()
        door = _TcpDoor(backend, app, state, patience)
        try:
            while home.serving and path.exists():
                await door.follow()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), _LOOK_EVERY)
                    break
        finally:
            home.stop()
            await asyncio.gather(home.ended(), door.ended())


class _TcpDoor:
    """The listener on TCP: opened, closed and moved as the configuration changes."""

    def __init__(self, backend: Backend, app: Application, state: State, patience: int) -> None:
        self._backend = backend
        self._app = app.behind(Bearer(backend))
        self._state = state
        self._patience = patience
        self._open: Listener | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._wanted: tuple[object, ...] = ()

    async def follow(self) -> None:
        """Brings the listener in line with the configuration; a fault is noted, never raised."""
        settings = self._backend.settings
        rest, fault = settings.rest, settings.fault
        wanted = (rest.listen, rest.tls, _stamp(rest.tls.certificate_file))
        if wanted != self._wanted:
            try:
                self._close()
                await self._open_at(rest)
                self._wanted = wanted
            except SophiaError as error:
                fault = fault or error.message
        if fault is not None and fault != self._state.fault:
            log.warning("rest: not as configured", reason=fault)
        self._state.fault = fault

    async def ended(self) -> None:
        """Closes the listener and waits for the requests of all that there have been."""
        self._close()
        await asyncio.gather(*self._ending)

    def _close(self) -> None:
        opened, self._open = self._open, None
        self._wanted, self._state.listening = (), None
        if opened is not None:
            opened.stop()
            ending = asyncio.create_task(opened.ended())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _open_at(self, rest: Rest) -> None:
        if rest.listen is None:
            return
        tls = await asyncio.to_thread(tcp.context, rest.tls)
        bound = await asyncio.to_thread(tcp.bound, rest.listen)  # It may look a name up.
        self._open = Listener(self._app, bound, self._patience, tls)
        self._open.start()
        scheme = "http" if tls is None else "https"
        self._state.listening = f"{scheme}://{rest.listen}"
        log.info("rest: listening", address=self._state.listening)


def _stamp(path: Path | None) -> int:
    """When a file was written last, so that a renewed certificate is noticed."""
    try:
        return 0 if path is None else path.stat().st_mtime_ns
    except OSError:
        return 0
