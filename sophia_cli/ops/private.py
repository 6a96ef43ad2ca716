"""Files and directories that are open to their owner alone, and whole after a crash."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sophia_cli.errors import Refused


def own_directory(path: Path) -> Path:
    """The directory, made 0700 where it is missing; the missing ones above it too.

    Raises:
        Refused: see `check_directory`.
        OSError: it cannot be made.
    """
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir(mode=0o700)
    check_directory(path)
    return path


def check_directory(path: Path) -> None:
    """Sees that a directory is one, is ours, and lets nobody else in.

    Raises:
        Refused: it is a link or no directory, somebody else's, or open to others.
    """
    _check(path, stat.S_ISDIR, "a directory", 0o700)


def check_file(path: Path) -> None:
    """Sees that a file is a regular one, is ours, and lets nobody else in.

    Raises:
        Refused: it is a link or no file, somebody else's, or open to others.
        FileNotFoundError: it is not there.
    """
    _check(path, stat.S_ISREG, "a regular file", 0o600)


def temporary(path: Path, content: bytes) -> Path:
    """A file of another name beside `path`, 0600, on the disk to the last byte.

    It is for `os.replace` or `os.link`, or for removal. Its name begins with a dot.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def replace(path: Path, content: bytes) -> None:
    """Writes a file, 0600, as a whole or not at all.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    fresh = temporary(path, content)
    try:
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(directory: Path) -> None:
    """Brings the names in a directory to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Keeps other processes and threads out that ask for the same; it ends with the process."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check(path: Path, is_kind: Callable[[int], bool], kind: str, mode: int) -> None:
    status = path.lstat()
    if not is_kind(status.st_mode):
        linked = "a link, not " if stat.S_ISLNK(status.st_mode) else "not "
        raise Refused(f"{path} is {linked}{kind}", "put the thing itself in its place")
    if status.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to user {status.st_uid}, not to you", "chown it, or move it")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise Refused(f"{path}: others may open it", f"chmod {mode:o} {path}")
