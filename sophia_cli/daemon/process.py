"""The life of the resident process: one a home, from its lock to its last command.

The lock is what counts: who holds it is the resident process, and the kernel takes it away however
the process ends. Its file says who that is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
from dataclasses import asdict
from pathlib import Path

from sophia_cli import __version__
from sophia_cli.daemon.presence import Condition, Resident, condition
from sophia_cli.errors import SophiaError
from sophia_cli.exit_status import ExitStatus
from sophia_cli.heap import return_large_blocks
from sophia_cli.home import Home
from sophia_cli.locations import resident_lock, resident_socket
from sophia_cli.own_process import settle

# An earlier one may take that long for its last commands and for stopping the engines.
_LOCK_TIMEOUT = 40.0
_POLL = 0.02


def main() -> None:
    """What the thin client starts in the background."""
    settle()
    _close_inherited()
    try:
        status = serve(Home.of(os.environ).prepare())
    except SophiaError as error:
        sys.stderr.write(f"sophia: {error.message}\n  {error.hint}\n")
        status = error.exit_status
    sys.exit(status)


def serve(home: Home, *, foreground: bool = False) -> ExitStatus:
    """Takes the home's lock and serves until it is told to stop (SIGTERM, SIGINT, SIGHUP).

    Returns OK at once when another resident process serves this home already.
    """
    # Never closed here: the lock is to be free once the process is gone, and not before.
    if _take_lock(home) is not None:
        if not foreground:
            _detach(home)
        _serve(home, foreground=foreground)
    return ExitStatus.OK


def _serve(home: Home, *, foreground: bool) -> None:
    from sophia_cli.daemon.log import configure
    from sophia_cli.daemon.server import Server

    configure(home, foreground=foreground)
    return_large_blocks()
    path = Path(resident_socket(str(home.root)))
    server = Server(_listen(path), home)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: server.stop())
    try:
        server.run()
    finally:
        if server.owns_socket():
            path.unlink(missing_ok=True)
        server.close()


def _take_lock(home: Home) -> int | None:
    """The descriptor that holds the home's lock; None when another process serves already."""
    path = resident_lock(str(home.root))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _LOCK_TIMEOUT
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Held by one that serves, or by one that is just ending.
                if condition(home) in (Condition.RUNNING, Condition.FROZEN):
                    break
                if time.monotonic() > deadline:
                    break
                time.sleep(_POLL)
            else:
                note = asdict(Resident(os.getpid(), __version__, time.time()))
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, json.dumps(note).encode(), 0)
                return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _listen(path: Path) -> socket.socket:
    """Listens on the home's socket; a stale one is ours to remove, since we hold the lock."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(previous)
    listener.listen(512)
    return listener


def _close_inherited() -> None:
    """Closes what a shell or a runner left open: its pipes and locks must not live on in us."""
    for path in list(Path("/dev/fd").iterdir()):
        if int(path.name) > 2:
            with contextlib.suppress(OSError):
                os.close(int(path.name))


def _detach(home: Home) -> None:
    """From here on the process belongs to nobody's terminal, directory or file mode."""
    log = os.open(
        home.log("resident"), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
    )
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.chdir("/")
    os.umask(0o077)
