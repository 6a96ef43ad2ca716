"""The client's own streams in the resident process: read and written without getting stuck.

A thread that reads a terminal would wait for its user long after the client is gone, and take the
words that they type for their shell. So every read and write first waits until it can be done at
once, and gives up when the command is cancelled.
"""

from __future__ import annotations

import io
import os
import select
import threading
from typing import TYPE_CHECKING, TextIO

from sophia_cli.errors import Interrupted

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_PAUSE_MS = 100
# What a pipe takes at once when it is ready for anything: PIPE_BUF of Linux.
_AT_ONCE = 4096


def reader(descriptor: int, cancelled: threading.Event) -> TextIO:
    """Text from a descriptor, which now belongs to the stream; any bytes can be read."""
    raw = _Descriptor(descriptor, cancelled, writes=False)
    return io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8", errors="surrogateescape")


def writer(descriptor: int, cancelled: threading.Event) -> TextIO:
    """Text to a descriptor, which now belongs to the stream; any text can be written."""
    raw = _Descriptor(descriptor, cancelled, writes=True)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=raw.isatty(),
    )


class _Descriptor(io.RawIOBase):
    """A descriptor whose reads and writes end when the command is cancelled.

    Raises:
        Interrupted: (read, write) it would have to wait, and the command is cancelled.
    """

    def __init__(self, descriptor: int, cancelled: threading.Event, *, writes: bool) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._cancelled = cancelled
        self._writes = writes

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def readable(self) -> bool:
        return not self._writes

    def writable(self) -> bool:
        return self._writes

    def readinto(self, buffer: WriteableBuffer) -> int:
        while True:
            self._wait(select.POLLIN)
            try:
                return os.readv(self._descriptor, [buffer])
            except BlockingIOError:
                continue  # Somebody else who has the same stream was faster.

    def write(self, data: ReadableBuffer) -> int:
        while True:
            self._wait(select.POLLOUT)
            try:
                return os.write(self._descriptor, memoryview(data)[:_AT_ONCE])
            except BlockingIOError:
                continue

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._descriptor)

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._descriptor, event)
        while not poll.poll(_PAUSE_MS):
            if self._cancelled.is_set():
                raise Interrupted("interrupted", "what was done before stays")
