"""A connection that notices when the other side has gone silent.

The kernel only knows whether the other kernel is there, and through a bastion only whether the
bastion's is. So the keepalives want an answer, and a socket on which nothing was heard for too long
fails: whoever waits on the connection, in any thread, is woken by that.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST, cMSG_GLOBAL_REQUEST

# Keepalives that fit in before a silent connection counts as lost.
_KEEPALIVES = 4


class WatchedSocket:
    """What paramiko sends and receives through: a socket, or a channel of the bastion.

    Args:
        sock: is closed with this.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._heard = time.monotonic()
        self._longest: float | None = None
        self.settimeout = sock.settimeout
        self.getpeername = sock.getpeername
        self._closed = False  # paramiko looks at this when it waits for its own end

    def watch(self, seconds: float) -> None:
        """From now on it fails once nothing has been heard for so long."""
        self._heard = time.monotonic()
        self._longest = seconds

    def send(self, data: bytes) -> int:
        """Sends some of it."""
        self._check()
        return int(self._sock.send(data))

    def recv(self, size: int) -> bytes:
        """What has come; waits no longer than the time-out."""
        try:
            data = bytes(self._sock.recv(size))
        except TimeoutError:
            self._check()
            raise
        self._heard = time.monotonic()
        return data

    def close(self) -> None:
        """Ends it, also where it has ended already."""
        self._closed = True
        # A channel of a bastion that is gone cannot be told; paramiko's thread would print it.
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            self._sock.close()

    def _check(self) -> None:
        if self._longest is not None and time.monotonic() - self._heard > self._longest:
            # Not a TimeoutError: paramiko would try again.
            raise ConnectionAbortedError(errno.ECONNABORTED, "the host has gone silent")


class LivingTransport(paramiko.Transport):  # type: ignore[misc]
    """paramiko's transport whose keepalives want an answer, and whose messages keep their order.

    Attributes:
        sending: held while a message is sent; see `channels`.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        self.sending = threading.RLock()
        super().__init__(*given, **options)

    def _send_user_message(self, data: Any) -> None:
        with self.sending:
            super()._send_user_message(data)

    def keep_alive(self, watched: WatchedSocket, lost_after: float) -> None:
        """From now on it ends by itself after so many seconds of silence."""
        self.set_keepalive(lost_after / _KEEPALIVES)
        watched.watch(lost_after)

    def global_request(self, kind: str, data: Any = None, wait: bool = True) -> Any:
        """As paramiko's, but its keepalive, which waits for nothing, is answered all the same."""
        if wait or not kind.startswith("keepalive@"):
            return super().global_request(kind, data, wait)
        # During a key exchange the thread that reads would wait here for what it is to read.
        if not self.in_kex:
            message = paramiko.Message()
            message.add_byte(cMSG_GLOBAL_REQUEST)
            message.add_string("keepalive@openssh.com")
            message.add_boolean(True)
            self._send_user_message(message)
        return None

    def begin(self, channel: paramiko.Channel, command: str) -> None:
        """Asks for a command on a session's channel, and does not wait for the answer.

        paramiko's own `exec_command` waits for it without an end. A refusal closes the channel.
        """
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string("exec")
        message.add_boolean(True)
        message.add_string(command.encode("utf-8", "surrogateescape"))
        self._send_user_message(message)


def prepare(sock: socket.socket, lost_after: float) -> None:
    """Small messages go at once, and the kernel gives up on what stays unacknowledged."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(int(lost_after * 1000), 1))
