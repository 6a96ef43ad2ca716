"""The lines of logs: the last ones, and those that are still to come, wherever the files go."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from sophia_cli.logs.choice import Choice
from sophia_cli.logs.file import aside, set_aside
from sophia_cli.logs.lines import Line, LogName, read

_BLOCK = 1 << 16
_MOST_AT_ONCE = 1 << 22
# Lines of several processes stand in the order in which they were written, not in that of their
# times: how much older than `since` a line must be for all before it to be older as well.
_DISORDER = timedelta(minutes=1)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def last(
    paths: Mapping[LogName, Path],
    count: int,
    choice: Choice,
    ends: Mapping[LogName, int] | None = None,
) -> list[Line]:
    """The last `count` lines of these logs that are wanted, the oldest first.

    Args:
        ends: the size at which a log counts as ended; without one, it is read to its end.
    """
    ends = ends or {}
    found = [
        line
        for name, path in paths.items()
        for line in _last(name, path, count, choice, ends.get(name))
    ]
    return in_order(found)[-count:]


def in_order(lines: Sequence[Line]) -> list[Line]:
    """Lines of several logs by their time; one without a time stays behind the one before it."""
    moments = dict.fromkeys(LogName, _EARLIEST)
    placed = []
    for line in lines:
        moments[line.log] = line.at or moments[line.log]
        placed.append((moments[line.log], line))
    return [line for _, line in sorted(placed, key=lambda each: each[0])]


class Growing:
    """What is added to a log from now on. It is followed to the file that takes its place.

    Args:
        name: whose log.
        path: it need not be there yet.
        choice: which lines are wanted; `since` is over.

    Attributes:
        start: the size of the log when this began.
    """

    def __init__(self, name: LogName, path: Path, choice: Choice) -> None:
        self._name = name
        self._path = path
        self._choice = choice
        self._file: BinaryIO | None = None
        # Another process may write to it for a moment after it was set aside.
        self._left: BinaryIO | None = None
        self._aside = _identity(aside(path, 1))
        self._rest = b""
        self.start = 0
        with suppress(OSError):
            self._file = path.open("rb")
            self.start = self._file.seek(0, os.SEEK_END)

    def lines(self) -> Iterator[Line]:
        """The lines that were completed since the last call."""
        for raw in self._complete():
            if self._choice.may_hold(raw):
                line = read(self._name, raw)
                if self._choice.wants(line):
                    yield line

    def close(self) -> None:
        """Lets go of the files."""
        for file in (self._left, self._file):
            if file is not None:
                file.close()

    def _complete(self) -> Iterator[bytes]:
        for block in self._blocks():
            *complete, self._rest = (self._rest + block).split(b"\n")
            yield from complete
            if len(self._rest) > _MOST_AT_ONCE:  # It is no log.
                self._rest = b""

    def _blocks(self) -> Iterator[bytes]:
        yield from _more(self._left)
        yield from self._before_it_was_emptied()
        yield from _more(self._file)
        for path in self._later():
            with suppress(OSError):
                file = path.open("rb")
                if self._left is not None:
                    self._left.close()
                self._left, self._file = self._file, file
                self._aside = _identity(aside(self._path, 1))
                yield from _more(file)

    def _before_it_was_emptied(self) -> Iterator[bytes]:
        """The rest of a server's log that was copied and emptied."""
        if self._file is None:
            return
        place, status = self._file.tell(), os.fstat(self._file.fileno())
        copy = aside(self._path, 1)
        found = _identity(copy)
        if _identity(self._path) != (status.st_dev, status.st_ino):
            return  # It was set aside itself.
        if found in (None, self._aside):
            if place > status.st_size:
                self._file.seek(0)
            return
        with suppress(OSError), copy.open("rb") as file:
            if status.st_size >= os.fstat(file.fileno()).st_size:
                return  # It is copied, and about to be emptied.
            file.seek(place)
            yield from _more(file)
            self._file.seek(0)
            self._aside = found

    def _later(self) -> list[Path]:
        """The files that came after the one that is open, the oldest first."""
        ours = None if self._file is None else os.fstat(self._file.fileno())
        later = []
        for path in (self._path, *(aside(self._path, n) for n in set_aside(self._path))):
            identity = _identity(path)
            if ours is not None and identity == (ours.st_dev, ours.st_ino):
                break
            if identity is not None:
                later.append(path)
        return later[::-1]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _more(file: BinaryIO | None) -> Iterator[bytes]:
    while file is not None and (block := file.read(_BLOCK)):
        yield block


def _last(name: LogName, path: Path, count: int, choice: Choice, end: int | None) -> list[Line]:
    """The last wanted lines of one log, the oldest first."""
    found: list[Line] = []
    undated: list[Line] = []
    for raw in _backwards(path, end):
        if not choice.may_hold(raw):
            continue
        line = read(name, raw)
        if line.at is None and choice.since is not None:
            undated.append(line)  # It belongs to the line before, which comes next.
            continue
        if choice.since is not None and line.at is not None and line.at < choice.since:
            if line.at < choice.since - _DISORDER:
                break
            undated = []
            continue
        found += [each for each in (*undated, line) if choice.wants(each)]
        undated = []
        if len(found) >= count:
            break
    return found[:count][::-1]


def _backwards(path: Path, end: int | None) -> Iterator[bytes]:
    """The lines of a log and of what was set aside of it, the latest first."""
    files = [path, *(aside(path, number) for number in set_aside(path))]
    for each in files:
        with suppress(OSError), each.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            yield from _lines_backwards(file, min(size, end) if end and each is path else size)


def _lines_backwards(file: BinaryIO, place: int) -> Iterator[bytes]:
    rest = b""
    first = True
    while place:
        size = min(_BLOCK, place)
        place -= size
        file.seek(place)
        rest, *lines = (file.read(size) + rest).split(b"\n")
        if first and lines and not lines[-1]:
            lines.pop()
        first = False
        yield from reversed(lines)
        if len(rest) > _MOST_AT_ONCE:
            rest = b""
    if rest:
        yield rest
