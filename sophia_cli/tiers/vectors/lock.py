"""One process a directory: the engine lives inside a process, and two would not know each other."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from sophia_cli.errors import TierDown

_PAUSE = 0.05


def take(path: Path, wait: float) -> int:
    """Locks a file for this process alone and writes the process's id into it.

    Args:
        wait: how long to wait for another process, seconds.

    Returns:
        The descriptor that holds the lock until it is closed or the process ends, however it ends.

    Raises:
        TierDown: another process still holds it after `wait`.
        OSError: the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TierDown("vectors", _in_use(descriptor), _HINT) from None
                time.sleep(_PAUSE)
            else:
                break
        with suppress(OSError):  # on a full disk it is held all the same, only without a name
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


_HINT = "leave out --no-daemon to use the resident process, or stop it with `sophia down`"


def _in_use(descriptor: int) -> str:
    holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
    return f"in use by process {holder}" if holder else "in use by another process"
