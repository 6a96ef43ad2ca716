"""One command over one channel: its input goes out while its output comes in, in one thread."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import paramiko

from sophia_cli.ops.connection.channels import end_input, send_now
from sophia_cli.ops.connection.opening import FAULTS
from sophia_cli.ops.connection.output import Output

_PIECE = 1 << 16
_AT_ONCE = 1 << 18
# How long a look takes at most: at the clock and whether it is to stop; at a window that opens.
_LOOK = 0.25
_WINDOW = 0.005
# A process left in the background keeps the streams open; once the command has ended and nothing
# has come for so long, nothing is waited for.
_LEFT_BEHIND = 3.0


class TimeIsUp(Exception):
    """It did not end in time."""


class Stopped(Exception):
    """The user stopped it."""


class Lost(Exception):
    """The connection was lost."""


class AskedAgain(Exception):
    """sudo wants the password once more: the first was wrong."""


@dataclass(frozen=True, slots=True)
class Password:
    """What is given to sudo where it asks for it.

    Attributes:
        prompt: what it asks with; nobody else writes this.
    """

    prompt: bytes
    value: bytes


class _News:
    """Set when something came. paramiko's buffers clear what they set, each for itself: not this.

    So a waiting thread never misses one buffer's news because the other one was empty.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self.set = self._event.set
        self.wait = self._event.wait
        self.forget = self._event.clear

    def clear(self) -> None:
        """Nothing; see above."""


class Execution:
    """A command that has been asked for.

    Args:
        channel: a session's, on which the command was begun.
        stdin: all that the command reads; with a password it is held back until the command
            begins, so that sudo cannot take it for the password nor the command the password.
        ends: when it must be over, `time.monotonic()`.
        cancelled: when set, it stops.
        on_line: gets each line of its output.
    """

    def __init__(
        self,
        channel: paramiko.Channel,
        stdin: bytes,
        password: Password | None,
        ends: float,
        cancelled: threading.Event,
        on_line: Callable[[str], None] | None,
    ) -> None:
        self.stdout = Output(on_line)
        self.stderr = Output(on_line)
        self._channel = channel
        self._stdin = stdin
        self._sent = 0
        self._password = password
        self._ends = ends
        self._cancelled = cancelled
        self._news = _News()
        self._input_ended = False
        self._last_news = 0.0
        self._ended_at: float | None = None

    @property
    def group(self) -> int | None:
        """The command's process group on the host; None if it has not begun as far as we know."""
        return self.stderr.group or self.stdout.group

    @property
    def status(self) -> int:
        """Its exit status; -1 where none came."""
        return int(self._channel.exit_status)

    def to_end(self) -> None:
        """Goes on until it has ended, or the connection has.

        Raises:
            TimeIsUp, Stopped, TooMuch: it is to be ended.
            AskedAgain: sudo refuses.
            Lost: the connection failed in the middle.
        """
        self._channel.in_buffer.set_event(self._news)
        self._channel.in_stderr_buffer.set_event(self._news)
        while True:
            self._news.forget()
            over = self._is_over()
            moved = self._read()
            self._answer()
            if self._write() or moved:
                self._last_news = time.monotonic()
            elif over:
                break
            else:
                self._wait()
            if time.monotonic() > self._ends:
                raise TimeIsUp
            if self._cancelled.is_set():
                raise Stopped
        self.stdout.end()
        self.stderr.end()

    def _is_over(self) -> bool:
        """Whether nothing can come any more but what is in the buffers."""
        if self._channel.closed:
            return True
        if not self._channel.status_event.is_set():
            return False
        now = time.monotonic()
        if self._ended_at is None:
            self._ended_at = now
        quiet_since = max(self._ended_at, self._last_news)
        return bool(self._channel.eof_received) or now - quiet_since > _LEFT_BEHIND

    def _read(self) -> bool:
        out = err = b""
        try:
            if self._channel.recv_ready():
                out = self._channel.recv(_AT_ONCE)
            if self._channel.recv_stderr_ready():
                err = self._channel.recv_stderr(_AT_ONCE)
        except FAULTS as error:  # reading also tells the host that there is room again
            raise Lost from error
        self.stdout.feed(out)
        self.stderr.feed(err)
        return bool(out or err)

    def _answer(self) -> None:
        """Gives sudo the password, once, when it asks."""
        password = self._password
        if password is None or self.group is not None or password.prompt not in self.stderr.before:
            return
        self.stderr.forget(password.prompt)
        if not password.value:
            raise AskedAgain
        self._password = Password(password.prompt, b"")
        with contextlib.suppress(*FAULTS):  # as when sudo has ended; its status tells
            send_now(self._channel, password.value + b"\n")

    def _write(self) -> bool:
        """Sends what fits; whether anything was sent."""
        if self._input_ended or (self._password is not None and self.group is None):
            return False
        started = self._sent
        try:
            while self._sent < len(self._stdin) and self._sent - started < _AT_ONCE:
                piece = self._stdin[self._sent : self._sent + _PIECE]
                sent = send_now(self._channel, piece)
                if not sent:
                    return self._sent > started
                self._sent += sent
            if self._sent >= len(self._stdin):
                self._input_ended = True
                end_input(self._channel)
        except FAULTS:
            self._sent, self._input_ended = len(self._stdin), True  # It reads no more.
        return True

    def _wait(self) -> None:
        left = self._sent < len(self._stdin) and self.group is not None
        seconds = min(_WINDOW if left else _LOOK, max(self._ends - time.monotonic(), 0.001))
        if self._channel.eof_received:
            self._channel.status_event.wait(seconds)
        else:
            self._news.wait(seconds)
