"""A log on the disk: appended to by several processes, cut by size, and never a reason to fail."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

# Another process may have cut the file: how long its word is not asked for, seconds.
_LOOK_EVERY = 1.0


class LogFile:
    """Lines appended to one file. Threads may share it, and processes the file.

    Each line is one write at the file's end, so that none is torn by another. Who finds the file
    too large sets it aside as `NAME.1`; the others notice within a second. On a full disk lines are
    lost, and nothing else.

    Args:
        path: of the file; its directory is there.
        largest: bytes above which it is set aside.
        kept: how many files that were set aside stay.
        descriptors: of this process, led to the file wherever it goes: standard output and error.
    """

    def __init__(
        self, path: Path, largest: int, kept: int, descriptors: Sequence[int] = ()
    ) -> None:
        self._path = path
        self._largest = largest
        self._kept = kept
        self._descriptors = descriptors
        # What is collected as garbage while a line is written may have something to log itself.
        self._lock = threading.RLock()
        self._file: int | None = None
        self._identity = (0, 0)
        self._size = 0
        self._look_at = 0.0
        self._torn = False

    def write(self, line: bytes) -> None:
        """Appends a line, which ends with a line break; it is lost where it cannot be."""
        with self._lock, contextlib.suppress(OSError):
            now = time.monotonic()
            if now >= self._look_at or self._size + len(line) > self._largest:
                self._look_at = now + _LOOK_EVERY
                self._look(len(line))
            if self._file is None:
                return
            if self._torn:
                line = b"\n" + line
            written = os.write(self._file, line)
            self._size += written
            self._torn = written < len(line)

    def close(self) -> None:
        """Lets go of the file; the next line opens it again."""
        with self._lock:
            self._close()
            self._look_at = 0.0

    def _look(self, more: int) -> None:
        """Follows the path to the file that it leads to, and sets a full one aside."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            status = None
        if status is None or self._identity != (status.st_dev, status.st_ino):
            self._open()
        else:
            self._size = status.st_size
        if self._size and self._size + more > self._largest:
            with turn(self._path) as ours:
                if not ours:
                    return  # Another process is at it; it has a second.
                if self._path.stat().st_ino == self._identity[1]:
                    make_room(self._path, self._kept)
                    self._path.replace(aside(self._path, 1))
            self._open()

    def _open(self) -> None:
        opened = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._close()
        for number in self._descriptors:
            os.dup2(opened, number)
        self._file, status = opened, os.fstat(opened)
        self._identity, self._size = (status.st_dev, status.st_ino), status.st_size

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file, self._identity = None, (0, 0)


def cut(path: Path, largest: int, kept: int) -> None:
    """Sets aside what a log holds whose writer keeps it open: a server's standard error.

    It is copied and emptied; what is written in the moment between is lost.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size <= largest:
            return
        with turn(path) as ours:
            if ours:
                copy = path.with_name(f"{path.name}.new")
                try:
                    shutil.copyfile(path, copy)
                except OSError:  # A full disk: better a log that is too large than none.
                    copy.unlink(missing_ok=True)
                    raise
                make_room(path, kept)
                copy.replace(aside(path, 1))
                os.truncate(path, 0)


@contextlib.contextmanager
def turn(path: Path) -> Iterator[bool]:
    """Whether this process may set the log aside: one at a time."""
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)


def make_room(path: Path, kept: int) -> None:
    """Moves what was set aside one further, and removes what is not to be kept."""
    numbers = sorted(set_aside(path), reverse=True)
    for number in numbers:
        if number >= kept:
            aside(path, number).unlink(missing_ok=True)
        else:
            aside(path, number).replace(aside(path, number + 1))


def aside(path: Path, number: int) -> Path:
    """Where a log goes when it is set aside; 1 is the latest."""
    return path.with_name(f"{path.name}.{number}")


def set_aside(path: Path) -> list[int]:
    """The numbers of a log's files that were set aside, the latest first."""
    ends = (each.name.removeprefix(f"{path.name}.") for each in path.parent.glob(f"{path.name}.*"))
    return sorted(int(end) for end in ends if end.isdigit())
