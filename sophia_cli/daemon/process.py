"""The life of the resident process: one a home, from its lock to its last command."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from sophia_cli import __version__
from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home
from sophia_cli.locations import resident_socket

_LOCK_TIMEOUT = 40.0
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Resident:
    """What is known of a running resident process, from the file beside its lock."""

    pid: int
    version: str
    started_at: float


def main() -> None:
    """What the thin client starts in the background."""
    try:
        status = serve(Home.of(os.environ).prepare())
    except SophiaError as error:
        sys.stderr.write(f"sophia: {error.message}\n  {error.hint}\n")
        status = error.exit_status
    sys.exit(status)


def serve(home: Home, *, foreground: bool = False) -> ExitStatus:
    """Takes the home's lock and serves until it is told to stop (SIGTERM, SIGINT).

    Returns OK at once when another resident process serves this home already.
    """
    lock = _take_lock(home)
    if lock is None:
        return ExitStatus.OK
    if not foreground:
        _detach(home)
    from sophia_cli.daemon.log import configure

    configure()
    path = Path(resident_socket(str(home.root)))
    listener = _listen(path)
    _write_state(home)
    from sophia_cli.daemon.server import Server

    server = Server(listener, home)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    try:
        server.run()
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        server.close()
        _state_file(home).unlink(missing_ok=True)
        os.close(lock)
    return ExitStatus.OK


def start(home: Home, timeout: float) -> None:
    """Starts the resident process unless it runs, and waits until it answers.

    Raises:
        Unreachable: it does not answer within `timeout` seconds.
    """
    from sophia_cli.__main__ import start as start_in_background

    deadline = time.monotonic() + timeout
    while not answers(home):
        if running(home) is None:
            connection = start_in_background(resident_socket(str(home.root)))
            if connection is not None:
                connection.close()
        if time.monotonic() > deadline:
            raise Unreachable(
                f"the resident process did not answer within {timeout:g} s",
                "`sophia logs` says why; `sophia down` ends a frozen one",
            )
        time.sleep(_POLL)


def running(home: Home) -> Resident | None:
    """The resident process of a home, or None when nobody holds its lock."""
    try:
        descriptor = os.open(_lock_file(home), os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except OSError:
        pass
    finally:
        os.close(descriptor)
    try:
        return Resident(**json.loads(_state_file(home).read_text()))
    except (OSError, ValueError, TypeError):
        return Resident(0, "", time.time())


def answers(home: Home, timeout: float = 2.0) -> bool:
    """Whether a resident process accepts connections and reacts within `timeout` seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(resident_socket(str(home.root)))
            # Ending our side without a request is answered by the end of its side.
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(1) == b""
        except OSError:
            return False


def stop(home: Home, timeout: float = 15.0) -> bool:
    """Ends the resident process: asks, waits for its commands, and kills a frozen one.

    Nothing that was acknowledged can be lost: it is in PostgreSQL. Returns whether one was running.
    """
    resident = running(home)
    if resident is None:
        return False
    deadline = time.monotonic() + (timeout if answers(home) else 0.5)
    _signal(resident.pid, signal.SIGTERM)
    while running(home) is not None and time.monotonic() < deadline:
        time.sleep(_POLL)
    if running(home) is not None:
        _signal(resident.pid, signal.SIGKILL)
        while running(home) is not None and time.monotonic() < deadline + timeout:
            time.sleep(_POLL)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        if pid > 1:
            os.kill(pid, number)


def _take_lock(home: Home) -> int | None:
    """The descriptor that holds the home's lock; None when another process serves already."""
    descriptor = os.open(_lock_file(home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Held by one that serves, or by one that is just ending.
            if answers(home, timeout=0.5) or time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(_POLL)
        else:
            return descriptor


def _listen(path: Path) -> socket.socket:
    """Listens on the home's socket; a stale one is ours to remove, since we hold the lock."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(previous)
    listener.listen(64)
    return listener


def _detach(home: Home) -> None:
    """From here on the process belongs to nobody's terminal or directory."""
    log = os.open(
        home.logs / "resident.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
    )
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.chdir("/")


def _write_state(home: Home) -> None:
    state = {"pid": os.getpid(), "version": __version__, "started_at": time.time()}
    path = _state_file(home)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(state))
    fresh.replace(path)


def _lock_file(home: Home) -> Path:
    return home.locks / "resident.lock"


def _state_file(home: Home) -> Path:
    return home.locks / "resident.json"
