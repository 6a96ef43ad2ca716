"""A TCP connection that a host makes, as a socket has it."""

from __future__ import annotations

import contextlib

import paramiko

from sophia_cli.ops.connection.channels import send_some
from sophia_cli.ops.connection.opening import FAULTS
from sophia_cli.ops.errors import OutcomeUnknown


class ChannelStream:
    """A stream over a channel.

    Args:
        host: the name of the host that makes the connection.
        where: what it leads to, for a message.
    """

    def __init__(self, channel: paramiko.Channel, host: str, where: str) -> None:
        self._channel = channel
        self._host = host
        self._where = where

    @property
    def is_readable(self) -> bool:
        """Whether something has come, or the end."""
        channel = self._channel
        return bool(channel.recv_ready() or channel.eof_received or channel.closed)

    def settimeout(self, seconds: float | None) -> None:
        """How long one call may wait."""
        self._channel.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        """Sends all of it.

        Raises:
            OSError: the other side has closed it.
            TimeoutError: it takes nothing for too long.
            OutcomeUnknown: the connection to the host was lost.
        """
        try:
            while data:
                data = data[send_some(self._channel, data) :]
        except TimeoutError:
            raise
        except FAULTS as error:
            self._check()
            raise BrokenPipeError(f"{self._where} has closed the connection") from error

    def recv(self, size: int) -> bytes:
        """What has come, at most `size` bytes; empty at the end.

        Raises:
            TimeoutError: nothing comes for too long.
            OutcomeUnknown: the connection to the host was lost.
        """
        try:
            data = bytes(self._channel.recv(size))
        except TimeoutError:
            raise
        except FAULTS as error:
            self._check()
            raise ConnectionResetError(f"{self._where} has closed the connection") from error
        if not data:
            self._check()
        return data

    def close(self) -> None:
        """Ends it."""
        with contextlib.suppress(*FAULTS):
            self._channel.close()

    def _check(self) -> None:
        # A channel that the host ended got a word of it; one that was cut off did not.
        if not self._channel.eof_received and not self._channel.transport.is_active():
            raise OutcomeUnknown(
                f"{self._host}: the connection was lost while it talked to {self._where}",
                "what was asked last may be done or not: look before you ask again",
            )
