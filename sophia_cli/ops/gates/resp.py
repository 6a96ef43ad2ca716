"""Redis' protocol, as much of it as a gate speaks, over a connection that a host makes.

The client library wants a socket; ours is a channel of SSH.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sophia_cli.errors import Unreachable
from sophia_cli.ops.connection.protocol import Connection, Stream

_PIECE = 4096
_LONGEST = 1 << 20


class RedisError(Exception):
    """Redis answers that it will not: `WRONGPASS ...`, `NOAUTH ...`, `MISCONF ...`."""


class Conversation:
    """Commands and answers, one after the other."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._come = b""

    def ask(self, *words: str) -> str | int | None:
        """Sends one command; returns its answer: a text, a number, or None for nothing.

        Raises:
            RedisError: it refused; the answer is its words.
            Unreachable: it hung up, was silent, or does not speak Redis' protocol.
        """
        parts = [word.encode() for word in words]
        sent = b"*%d\r\n" % len(parts)
        for part in parts:
            sent += b"$%d\r\n%s\r\n" % (len(part), part)
        try:
            self._stream.sendall(sent)
            return self._answer()
        except TimeoutError as error:
            raise Unreachable("it does not answer in time") from error
        except OSError as error:
            raise Unreachable(f"it hung up: {error.strerror or error}") from error

    def _answer(self) -> str | int | None:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode("utf-8", "replace")
        if kind == b"-":
            raise RedisError(rest.decode("utf-8", "replace"))
        if kind == b":" and rest.lstrip(b"-").isdigit():
            return int(rest)
        if kind == b"$" and rest.lstrip(b"-").isdigit() and int(rest) <= _LONGEST:
            size = int(rest)
            return None if size < 0 else self._exactly(size + 2)[:-2].decode("utf-8", "replace")
        raise Unreachable("what answers there is no Redis")

    def _line(self) -> bytes:
        while b"\r\n" not in self._come:
            if len(self._come) > _PIECE:
                raise Unreachable("what answers there is no Redis")
            self._more()
        line, _, self._come = self._come.partition(b"\r\n")
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._come) < size:
            self._more()
        taken, self._come = self._come[:size], self._come[size:]
        return taken

    def _more(self) -> None:
        piece = self._stream.recv(_PIECE)
        if not piece:
            raise Unreachable("it hung up")
        self._come += piece


@contextlib.contextmanager
def conversation(
    connection: Connection, address: str, port: int, timeout: float
) -> Iterator[Conversation]:
    """Connects from a host to a Redis, and hangs up at the end.

    Raises:
        Unreachable: nobody listens there.
    """
    stream = connection.open_tcp(address, port, timeout)
    try:
        stream.settimeout(timeout)
        yield Conversation(stream)
    finally:
        stream.close()
