"""Takes commands from thin clients and runs each in a thread, with the client's own streams."""

from __future__ import annotations

import array
import contextlib
import io
import os
import selectors
import socket
import struct
import threading
import time
from pathlib import Path
from typing import TextIO

import structlog

from sophia_cli import __version__, wire
from sophia_cli.daemon.host import Host
from sophia_cli.environment import Environment
from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home

_REQUEST_TIMEOUT = 10.0
_DRAIN_TIMEOUT = 10.0
log = structlog.get_logger()


class _Client:
    """One client whose command runs."""

    def __init__(self, connection: socket.socket, environment: Environment) -> None:
        self.connection = connection
        self.environment = environment
        self.lock = threading.Lock()
        self.done = False

    def alive(self) -> None:
        """Tells the client that its command is still at work."""
        with self.lock, contextlib.suppress(OSError):
            if not self.done:
                self.connection.send(wire.ALIVE)

    def finish(self, status: int) -> None:
        """Tells the client the exit status, the last thing it hears."""
        with self.lock, contextlib.suppress(OSError):
            self.done = True
            self.connection.sendall(wire.DONE + bytes([status]))


class Server:
    """The resident process's loop: accepts, watches for interrupts, gives signs of life.

    Args:
        listener: the listening Unix socket.
        home: whose memory it serves.
    """

    def __init__(self, listener: socket.socket, home: Home) -> None:
        self._listener = listener
        self._host = Host(home)
        self._selector = selectors.DefaultSelector()
        self._clients: set[_Client] = set()
        self._lock = threading.Lock()
        self._wake_in, self._wake_out = socket.socketpair()
        self._stopping = False

    def run(self) -> None:
        """Serves until `stop`; then lets the commands that run come to their end."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._host.warm_up()
        log.info("serving", version=__version__, pid=os.getpid())
        beat = time.monotonic()
        while not self._stopping:
            for key, _ in self._selector.select(wire.HEARTBEAT):
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.data, _Client):
                    self._interrupted(key.data)
                else:
                    self._wake_in.recv(64)
            if time.monotonic() - beat >= wire.HEARTBEAT:
                beat = time.monotonic()
                for client in self._running():
                    client.alive()
        self._listener.close()
        deadline = time.monotonic() + _DRAIN_TIMEOUT
        while self._running() and time.monotonic() < deadline:
            time.sleep(0.01)
        for client in self._running():
            client.environment.cancelled.set()

    def stop(self) -> None:
        """Ends `run`; may be called from a signal handler or any thread."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._wake_out.send(b"w")

    def close(self) -> None:
        """Closes the tiers and, where nobody else needs them, the engines."""
        self._host.close()
        log.info("stopped", pid=os.getpid())

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _interrupted(self, client: _Client) -> None:
        """The client sent an interrupt, or it is gone."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(client.connection)
        client.environment.cancelled.set()

    def _serve(self, connection: socket.socket) -> None:
        descriptors: list[int] = []
        try:
            connection.settimeout(_REQUEST_TIMEOUT)
            _check_peer(connection)
            body = _receive(connection, descriptors)
            if body is None:
                return
            version, cwd, arguments, variables = wire.unpack(body)
            if version != __version__:
                log.info("another version asks", theirs=version)
                connection.sendall(wire.OTHER_VERSION)
                self.stop()
                return
            environment = _environment(descriptors, cwd, variables)
            connection.sendall(wire.ACCEPTED)
            self._run(_Client(connection, environment), [os.fsdecode(each) for each in arguments])
        except (OSError, ValueError, PermissionError) as error:
            log.warning("a request was dropped", reason=str(error))
        finally:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
            connection.close()

    def _run(self, client: _Client, arguments: list[str]) -> None:
        from sophia_cli.app import run

        with self._lock:
            self._clients.add(client)
        connection = client.connection
        self._selector.register(connection, selectors.EVENT_READ, client)
        self._wake_out.send(b"w")
        status = int(ExitStatus.FAILED)
        try:
            status = run(arguments, client.environment, opener=self._host.open)
        finally:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(connection)
            _close_streams(client.environment)
            client.finish(status)
            with self._lock:
                self._clients.discard(client)

    def _running(self) -> list[_Client]:
        with self._lock:
            return list(self._clients)


def _receive(connection: socket.socket, descriptors: list[int]) -> bytes | None:
    """Reads one request; the descriptors that came with it are appended to `descriptors`."""
    room = socket.CMSG_SPACE(3 * array.array("i").itemsize)
    data, ancillary, _, _ = connection.recvmsg(65536, room)
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received = array.array("i")
            received.frombytes(payload[: len(payload) - len(payload) % received.itemsize])
            descriptors.extend(received)
    if not data:
        return None
    while len(data) < wire.HEADER_BYTES:
        data += _more(connection, wire.HEADER_BYTES - len(data))
    length = wire.length_of(data[: wire.HEADER_BYTES])
    if length > wire.LARGEST_REQUEST:
        raise ValueError("a request that is too large")
    body = bytearray(data[wire.HEADER_BYTES :])
    while len(body) < length:
        body += _more(connection, length - len(body))
    return bytes(body)


def _more(connection: socket.socket, wanted: int) -> bytes:
    received = connection.recv(min(wanted, 1 << 20))
    if not received:
        raise ValueError("a request that ends early")
    return received


def _environment(descriptors: list[int], cwd: bytes, variables: list[bytes]) -> Environment:
    """The client's own streams, directory and variables; takes over the three descriptors."""
    if len(descriptors) != 3:
        raise ValueError("a request without its three streams")
    opened: list[TextIO] = []
    for mode in ("r", "w", "w"):
        descriptor = descriptors.pop(0)
        binary = io.FileIO(descriptor, mode)
        buffered = io.BufferedReader(binary) if mode == "r" else io.BufferedWriter(binary)
        opened.append(
            io.TextIOWrapper(
                buffered,
                encoding="utf-8",
                errors="surrogateescape" if mode == "r" else "backslashreplace",
                line_buffering=mode == "w" and os.isatty(descriptor),
            )
        )
    pairs = (os.fsdecode(each).partition("=") for each in variables)
    return Environment(
        opened[0],
        opened[1],
        opened[2],
        Path(os.fsdecode(cwd)),
        {name: value for name, _, value in pairs},
        resident=True,
    )


def _close_streams(environment: Environment) -> None:
    """Flushes and closes the client's streams; a pipe that it closed is its own affair."""
    for stream in (environment.stdout, environment.stderr, environment.stdin):
        with contextlib.suppress(OSError, ValueError):
            stream.close()


def _check_peer(connection: socket.socket) -> None:
    """The socket's mode keeps others out; its peer's user id proves it where the system tells."""
    if hasattr(socket, "SO_PEERCRED"):
        credentials = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
        )
        _, user, _ = struct.unpack("3i", credentials)
        if user not in (os.geteuid(), 0):
            raise PermissionError(f"user {user} is not the owner")
