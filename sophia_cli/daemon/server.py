"""Takes commands from thin clients and runs each in a thread, with the client's own streams.

The selector, and every connection whose command runs, belong to the loop alone: a thread hands
over what it wants done there. So no descriptor is closed, and its number given to another
connection, while the loop still waits on it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from sophia_cli import __version__, wire
from sophia_cli.daemon.host import Host
from sophia_cli.daemon.preloading import preload
from sophia_cli.daemon.requests import environment_of, parsed, receive
from sophia_cli.daemon.rest.thread import RestThread
from sophia_cli.environment import Environment
from sophia_cli.errors import SophiaError
from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home
from sophia_cli.logs.events import log

DRAIN_TIMEOUT = 10.0
"""Seconds that commands have to come to their end after `stop`; then they are cancelled."""
CANCEL_TIMEOUT = 3.0
"""Seconds that a cancelled command has to notice it."""
_PAUSE_WITHOUT_DESCRIPTORS = 0.05


class _Client:
    """One client whose command runs, or is about to."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.cancelled = threading.Event()
        self._accepted = False

    def accept(self) -> None:
        """Tells the client that its command is taken; no sign of life may come before that."""
        self.connection.sendall(wire.ACCEPTED)
        self._accepted = True

    def alive(self) -> None:
        """Tells the client that its command is still at work, unless it does not listen."""
        if self._accepted:
            with contextlib.suppress(OSError):
                self.connection.send(wire.ALIVE, socket.MSG_DONTWAIT)

    def finish(self, status: int) -> None:
        """Tells the client the exit status; its output is complete by then."""
        with contextlib.suppress(OSError):
            self.connection.settimeout(None)  # It may be stopped, and go on later.
            self.connection.sendall(wire.DONE + bytes([status]))


class Server:
    """The resident process's loop: accepts, hears interrupts, gives signs of life.

    Args:
        listener: the listening Unix socket.
        home: whose memory it serves.
    """

    def __init__(self, listener: socket.socket, home: Home) -> None:
        self._listener = listener
        self._path = listener.getsockname()
        self._identity = _identity(self._path)
        self._host = Host(home)
        self._rest = RestThread(home, self._host, DRAIN_TIMEOUT, on_end=self._wake)
        self._selector = selectors.DefaultSelector()
        self._handed: deque[Callable[[], None]] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._lock = threading.Lock()
        self._running: set[_Client] = set()
        self._closed = threading.Event()
        self._stopping = False
        self._deadline: float | None = None

    def run(self) -> None:
        """Serves until `stop`; then lets the commands that run come to their end."""
        for end in (self._listener, self._wake_in, self._wake_out):
            end.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._awake)
        opening = self._host.warm_up()
        self._rest.start(after=opening)
        preload(after=opening, busy=lambda: bool(self._now_running()))
        log.info("serving", version=__version__, pid=os.getpid())
        beat = time.monotonic()
        while not (self._stopping and self._wound_down()):
            for key, _ in self._selector.select(wire.HEARTBEAT):
                key.data()
            while self._handed:
                self._handed.popleft()()
            if time.monotonic() - beat >= wire.HEARTBEAT:
                beat = time.monotonic()
                self._beat()

    def stop(self, patience: float | None = DRAIN_TIMEOUT) -> None:
        """Ends `run`; may be called from a signal handler or any thread.

        Args:
            patience: seconds until commands that still run are cancelled; None waits for them.
        """
        self._stopping = True
        if patience is not None and self._deadline is None:
            self._deadline = time.monotonic() + patience
        self._wake()

    def close(self) -> None:
        """Closes the tiers and, where nobody else needs them, the engines."""
        self._host.close()
        log.info("stopped", pid=os.getpid())

    def owns_socket(self) -> bool:
        """Whether the path of the socket still leads to this process."""
        return _identity(self._path) == self._identity

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            log.warning("cannot accept", reason=error.strerror)
            time.sleep(_PAUSE_WITHOUT_DESCRIPTORS)
            return
        threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _awake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_in.recv(4096)

    def _beat(self) -> None:
        for client in self._now_running():
            client.alive()
        if not self._stopping and not self.owns_socket():
            log.warning("the socket is gone, nobody can ask any more")
            self.stop()

    def _wound_down(self) -> bool:
        """Once `stop` was called: whether the loop may end."""
        if not self._closed.is_set():
            self._selector.unregister(self._listener)
            self._listener.close()
            self._rest.stop()
            with self._lock:
                self._closed.set()
        running = self._now_running()
        if self._deadline is None or time.monotonic() < self._deadline:
            return not running and self._rest.ended
        for client in running:
            client.cancelled.set()
        ended = not running and self._rest.ended
        return ended or time.monotonic() > self._deadline + CANCEL_TIMEOUT

    def _serve(self, connection: socket.socket) -> None:
        """The life of a thread: one connection, from its request to the end of its command."""
        client = None
        try:
            body = receive(connection)
            if body is None:
                return
            version = wire.version_of(body)
            if version != __version__:
                self._make_way(connection, version)
                return
            request = parsed(body)
            client = self._admitted(connection)
            if client is not None:
                client.accept()
                environment = environment_of(
                    request, connection, client.cancelled, lambda: self._stopping
                )
                self._run(client, request.arguments, environment)
        except (OSError, ValueError) as error:
            # Not its text: it may quote what came.
            reason = error.strerror if isinstance(error, OSError) else None
            log.warning("a request was dropped", reason=reason or type(error).__name__)
        finally:
            if client is None:
                connection.close()
            else:
                with self._lock:
                    self._running.discard(client)
                self._hand_over(partial(self._dismiss, client))

    def _make_way(self, connection: socket.socket, version: str) -> None:
        """For a client of another version: ends this process, then lets it try again."""
        log.info("another version asks", theirs=version)
        self.stop(patience=None)
        self._closed.wait(wire.SILENCE)
        connection.sendall(wire.OTHER_VERSION)

    def _admitted(self, connection: socket.socket) -> _Client | None:
        """A client that is counted among those whose end is waited for; None when it is late."""
        client = _Client(connection)
        with self._lock:
            if self._closed.is_set():
                return None
            self._running.add(client)
        return client

    def _run(self, client: _Client, arguments: list[str], environment: Environment) -> None:
        from sophia_cli.app import run

        self._hand_over(partial(self._listen_to, client))
        status = int(ExitStatus.FAILED)
        try:
            opener = partial(self._host.open, check=environment.check_cancelled)
            status = run(arguments, environment, opener=opener)
        finally:
            for stream in (environment.stdout, environment.stderr, environment.stdin):
                # A pipe that the user closed, or does not read any more, is their own affair.
                with contextlib.suppress(OSError, ValueError, SophiaError):
                    stream.close()
            client.finish(status)

    def _listen_to(self, client: _Client) -> None:
        heard = partial(self._interrupted, client)
        self._selector.register(client.connection, selectors.EVENT_READ, heard)

    def _interrupted(self, client: _Client) -> None:
        """The client sent an interrupt, or it is gone: either way, its command is to stop."""
        self._selector.unregister(client.connection)
        client.cancelled.set()

    def _dismiss(self, client: _Client) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(client.connection)
        client.connection.close()

    def _hand_over(self, work: Callable[[], None]) -> None:
        """Lets the loop do something that only it may do."""
        self._handed.append(work)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # A full one wakes it just as well.
            self._wake_out.send(b"w")

    def _now_running(self) -> list[_Client]:
        with self._lock:
            return list(self._running)


def _identity(path: str) -> tuple[int, int] | None:
    """What tells one socket of this name from another; None when there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
