"""Starting the resident process from the thin client, which loads this only when none runs."""

import fcntl
import os
import sys
import time

from sophia_cli.__main__ import connect
from sophia_cli.locations import home_directory, resident_lock

MYPY = False
if MYPY:
    from _socket import socket

_TIMEOUT = 60.0
# After our own process has found another one that holds the home.
_TIMEOUT_OF_ANOTHER = 5.0
_PAUSE = 0.01
_SAY_SO_AFTER = 0.7


def start(path: str) -> "socket | None":
    """Starts the resident process in the background and connects to it, or to one that was faster.

    Returns:
        None when it could not be started: the same command in the foreground says why.

    Raises:
        TimeoutError: one holds the home and takes no commands.
    """
    child = _spawn()
    deadline = time.monotonic() + _TIMEOUT
    say_so = time.monotonic() + _SAY_SO_AFTER
    alive = True
    alive = True
    said = not os.isatty(2)
    while time.monotonic() < deadline:
        connection = connect(path)
        if connection is not None:
            return connection
        if alive and os.waitpid(child, os.WNOHANG)[0] == child:
            alive = False
            if not _is_locked(resident_lock(home_directory(os.environ))):
                return None
            deadline = time.monotonic() + _TIMEOUT_OF_ANOTHER
        if not said and time.monotonic() > say_so:
            said = True
            os.write(2, b"starting sophia ...\n")
        time.sleep(_PAUSE)
    raise TimeoutError


def _spawn() -> int:
    """A process of its own session, without our streams; returns its id."""
    null = os.devnull
    return os.posix_spawn(
        sys.executable,
        # -P: what lies in the working directory is not to be imported in place of a library.
        [sys.executable, "-P", "-c", "from sophia_cli.daemon.process import main; main()"],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, null, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, null, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, null, os.O_WRONLY, 0),
        ],
        setsid=True,
    )


def _is_locked(path: str) -> bool:
    """Whether some process holds the lock file."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
