"""One lock a data directory, held by the engine itself.

The descriptor that holds the lock is inherited by the engine and by every process it forks. So the
lock lives exactly as long as anything that may still write to the directory: it outlives whoever
started the engine, it covers the backends that a killed postmaster leaves behind, and it is gone
with the last of them however they died. A process id in a file proves nothing and is not asked.
"""

from __future__ import annotations

import os
from pathlib import Path


def take(path: Path) -> int | None:
    """Locks a file for one holder alone; None when somebody else holds it or looks at it.

    Returns:
        The descriptor that holds the lock until it and all its inherited copies are closed.

    Raises:
        OSError: the file cannot be opened.
    """
    import fcntl  # not on Windows, where the engines are not either

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def held(path: Path) -> bool:
    """Whether somebody holds the lock; looking takes it, shared, for an instant."""
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
