"""A host's key, fetched without logging in. What is fetched is not trusted yet: see `known_hosts`.

The host proves that it holds the key, as the key exchange wants; whose host it is must be compared
by a person.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sophia_cli.ops.connection.known_hosts import HostKey
from sophia_cli.ops.connection.protocol import Stream
from sophia_cli.ops.errors import HostUnreachable

if TYPE_CHECKING:
    import paramiko

# paramiko's threads tell their troubles to the log; without a handler that is the user's stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

# A key of kind ssh-rsa signs by these: RFC 8332.
_RSA = ("rsa-sha2-512", "rsa-sha2-256")


def fetch(
    address: str,
    port: int,
    timeout: float,
    sock: Stream | None = None,
    *,
    kinds: Sequence[str] = (),
) -> HostKey:
    """The key that a host shows.

    Args:
        timeout: seconds for all of it.
        sock: a connection to the host that is there already, as through a bastion; it is closed.
        kinds: those wanted first, as the ones that are pinned; by default the host's best one.

    Raises:
        HostUnreachable: nobody answers there, or not as an SSH server does.
    """
    import paramiko

    place = f"{address}:{port}"
    ends = time.monotonic() + timeout
    channel = _connected(address, port, timeout) if sock is None else _Socket(sock)
    try:
        transport = paramiko.Transport(channel)
        transport.daemon = True
        transport.banner_timeout = transport.handshake_timeout = timeout
        _prefer(transport, kinds)
        try:
            transport.start_client(timeout=max(ends - time.monotonic(), 0.1))
            key = transport.get_remote_server_key()
        except (paramiko.SSHException, OSError, EOFError) as error:
            out_of_time = time.monotonic() >= ends
            raise HostUnreachable(
                f"{place}: {'said nothing' if out_of_time else 'does not speak SSH'}"
                f"{f' within {timeout:g} s' if out_of_time else f': {_first_line(error)}'}",
                "see whether sshd runs there, and whether this is its port",
            ) from error
        finally:
            transport.close()
    finally:
        channel.close()
    return HostKey(str(key.get_name()), str(key.get_base64()))


class _Socket:
    """A stream as paramiko wants it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.settimeout = stream.settimeout
        self.recv = stream.recv
        self._closed = False

    def close(self) -> None:
        """Ends it."""
        self._closed = True  # paramiko looks at this when it waits for its own end
        self._stream.close()

    def send(self, data: bytes) -> int:
        """Sends all of it."""
        self._stream.sendall(data)
        return len(data)


def _connected(address: str, port: int, timeout: float) -> socket.socket:
    place = f"{address}:{port}"
    try:
        return socket.create_connection((address, port), timeout)
    except TimeoutError as error:
        raise HostUnreachable(
            f"{place}: no answer within {timeout:g} s", "see whether it is up, and the firewall"
        ) from error
    except (socket.gaierror, UnicodeError) as error:
        raise HostUnreachable(
            f"{place}: there is no such name", "correct the host's address in sophia.yaml"
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise HostUnreachable(
            f"{place}: {reason}", "see whether sshd runs there, and whether this is its port"
        ) from error


def _prefer(transport: paramiko.Transport, kinds: Sequence[str]) -> None:
    """Asks for these kinds first: a host that has several shows the first of them."""
    options = transport.get_security_options()
    known = tuple(options.key_types)
    named = [name for kind in kinds for name in (_RSA if kind == "ssh-rsa" else (kind,))]
    first = tuple(name for name in dict.fromkeys(named) if name in known)
    options.key_types = first + tuple(name for name in known if name not in first)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
