"""The connection to one host over SSH: commands, files and TCP connections of the host's own."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import paramiko

from sophia_cli.config.secrets import read_secret
from sophia_cli.errors import Interrupted
from sophia_cli.ops.connection import faults, shell
from sophia_cli.ops.connection.execution import (
    AskedAgain,
    Execution,
    Lost,
    Password,
    Stopped,
    TimeIsUp,
)
from sophia_cli.ops.connection.link import Link
from sophia_cli.ops.connection.liveness import LivingTransport
from sophia_cli.ops.connection.opening import FAULTS
from sophia_cli.ops.connection.output import TooMuch
from sophia_cli.ops.connection.protocol import Command, Finished, RemoteFile, Stream
from sophia_cli.ops.connection.redaction import Redactor
from sophia_cli.ops.connection.streams import ChannelStream
from sophia_cli.ops.errors import HostUnreachable, OutcomeUnknown

# OpenSSH takes 10 sessions a connection (MaxSessions) unless told otherwise.
_SESSIONS = 8
_FREED_WITHIN = 5.0
_PAUSE = 0.01
# How long telling a command to stop may take.
_ENDING = 8.0


@dataclass(frozen=True, slots=True)
class _Order:
    """A command as it is carried out. `words` is what messages call it."""

    text: str
    words: str
    stdin: bytes = b""
    sudo: bool = True
    timeout: float = 0.0


class SshConnection:
    """A connection to one host, opened at the first call; see `protocol.Connection`.

    After a loss the next call opens it again. Calls beyond eight at a time wait for one another.

    Args:
        redactor: takes secrets out of lines and messages; gets the sudo password as one more.
        cancelled: when set, what runs is ended and raises `Interrupted`.
    """

    def __init__(
        self,
        link: Link,
        redactor: Redactor | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        self._link = link
        self._target = link.target
        self._redactor = redactor or Redactor()
        self._cancelled = cancelled or threading.Event()
        self._never = threading.Event()
        self._slots = threading.BoundedSemaphore(_SESSIONS)
        self._password: bytes | None = None

    @property
    def host(self) -> str:
        """The host's name in the inventory."""
        return self._target.name

    def run(self, command: Command, on_output: Callable[[str], None] | None = None) -> Finished:
        """Runs a command to its end, whatever its exit status; see `protocol.Connection.run`.

        Its text is run by `sh` with LC_ALL=C. What `Finished` holds is not redacted.

        Raises:
            CommandFailed: the user's login shell does not run a `sh`.
            Interrupted: it was cancelled.
        """
        on_line = None
        if on_output is not None:
            told = on_output

            def on_line(line: str) -> None:
                told(self._redactor.text(line))

        words = faults.in_words(self._redactor.text(command.text))
        timeout = self._target.command_timeout if command.timeout is None else command.timeout
        return self._carried_out(
            _Order(command.text, words, command.stdin, command.sudo, timeout), on_line
        )

    def put(self, file: RemoteFile) -> None:
        """Writes a file as root; see `protocol.Connection.put`."""
        timeout = self._target.command_timeout
        order = _Order(shell.put_line(file), f"writing {file.path}", file.content, True, timeout)
        finished = self._carried_out(order)
        if finished.exit_status != 0:
            raise faults.not_written(self._target, file.path, self._redactor.text(finished.stderr))

    def open_tcp(self, address: str, port: int, timeout: float) -> Stream:
        """A TCP connection that the host makes; see `protocol.Connection.open_tcp`."""
        channel = self._link.tcp(address, port, timeout)
        channel.settimeout(timeout)
        return ChannelStream(channel, self.host, f"{address}:{port}")

    def close(self) -> None:
        """Ends it; safe to call twice."""
        self._link.close()

    def _carried_out(self, order: _Order, on_line: Callable[[str], None] | None = None) -> Finished:
        ends = time.monotonic() + order.timeout
        sudo, password = self._sudo(order.sudo)
        line = shell.exec_line(order.text, sudo)
        with self._session(ends, order) as (transport, channel):
            running = Execution(channel, order.stdin, password, ends, self._cancelled, on_line)
            try:
                transport.begin(channel, line)
            except FAULTS as error:
                raise faults.lost(self._target, order.words) from error
            try:
                running.to_end()
            except Lost as error:
                raise faults.lost(self._target, order.words) from error
            except AskedAgain as error:
                raise faults.wrong_password(self._target) from error
            except BaseException as reason:
                self._end(transport, running.group, order)
                if isinstance(reason, TimeIsUp | TooMuch | Stopped):
                    raise self._ended_by_us(reason, order, running.group) from reason
                raise
            return self._finished(running, order, transport)

    def _finished(self, running: Execution, order: _Order, transport: LivingTransport) -> Finished:
        if running.status < 0:
            raise faults.lost(self._target, order.words, alive=transport.is_active())
        if running.group is None:
            said = running.stderr.last_words_before or running.stdout.last_words_before
            raise faults.not_begun(
                self._target, order.sudo, running.status, self._redactor.text(said)
            )
        return Finished(running.status, running.stdout.text, running.stderr.text)

    def _ended_by_us(
        self, reason: Exception, order: _Order, group: int | None
    ) -> OutcomeUnknown | Interrupted:
        if isinstance(reason, Stopped):
            return faults.stopped(self._target, order.words)
        if isinstance(reason, TooMuch):
            return faults.too_much(self._target, order.words)
        return faults.too_long(self._target, order.words, order.timeout, begun=group is not None)

    def _end(self, transport: LivingTransport, group: int | None, order: _Order) -> None:
        """Tells a command to stop, as well as can be."""
        if group is None or not transport.is_active():
            return
        ends = time.monotonic() + _ENDING
        with contextlib.suppress(*FAULTS, TimeIsUp, AskedAgain, Lost, TooMuch):
            sudo, password = self._sudo(order.sudo)
            channel = transport.open_session(timeout=_ENDING / 2)
            try:
                transport.begin(channel, shell.exec_line(shell.end_line(group), sudo))
                Execution(channel, b"", password, ends, self._never, None).to_end()
            finally:
                channel.close()

    @contextlib.contextmanager
    def _session(
        self, ends: float, order: _Order
    ) -> Iterator[tuple[LivingTransport, paramiko.Channel]]:
        if not self._slots.acquire(timeout=max(ends - time.monotonic(), 0.001)):
            raise HostUnreachable(
                f"{self.host}: was busy with other commands all the time: {order.words}",
                "nothing was done; run it again",
            )
        try:
            transport, channel = self._opened()
            try:
                yield transport, channel
            finally:
                with contextlib.suppress(*FAULTS):
                    channel.close()
        finally:
            self._slots.release()

    def _opened(self) -> tuple[LivingTransport, paramiko.Channel]:
        """A session's channel; opens the connection again if it turns out to be lost."""
        wait = self._target.connect_timeout
        freed = time.monotonic() + max(_FREED_WITHIN, wait)
        reopened = False
        while True:
            transport = self._link.transport()
            try:
                return transport, transport.open_session(timeout=wait)
            except FAULTS as error:
                if transport.is_active():
                    # Its limit is lower than ours, or one that has ended still counts. Which
                    # refusal it was, paramiko may have told another thread.
                    if time.monotonic() > freed:
                        raise faults.no_session(self._target, str(error)) from error
                    time.sleep(_PAUSE)
                elif reopened:
                    raise self._link.lost_before() from error
                else:
                    reopened = True

    def _sudo(self, wanted: bool) -> tuple[str, Password | None]:
        """How sudo is called, and what it is told; root needs none.

        Raises:
            ConfigurationError: the file with its password cannot be used.
        """
        if not wanted or self._target.user == "root":
            return "", None
        path = self._target.sudo_password_file
        if path is None:
            return shell.sudo_line(), None
        if self._password is None:
            password = read_secret(path, "ssh.sudo_password_file").get_secret_value()
            self._redactor.add(password)
            self._password = password.encode()
        prompt = f"sophia-{secrets.token_hex(8)}:"
        return shell.sudo_line(prompt), Password(prompt.encode(), self._password)
