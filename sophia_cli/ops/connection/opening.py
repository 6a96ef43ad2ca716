"""How a connection to a host comes about: dialled, the host proven, logged in, in bounded time.

Whatever goes wrong is told as what it is: a host that takes a connection and then says nothing is
"frozen", where paramiko would say "No existing session".
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fabric
import paramiko
from fabric.config import Config
from paramiko.config import SSHConfig

from sophia_cli.ops.connection import trust
from sophia_cli.ops.connection.identity import Identity, identity_of
from sophia_cli.ops.connection.liveness import LivingTransport, WatchedSocket, prepare
from sophia_cli.ops.connection.target import Target
from sophia_cli.ops.errors import HostUnreachable

# paramiko's threads tell their troubles to the log; without a handler that is the user's stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

FAULTS = (paramiko.SSHException, OSError, EOFError)
"""What paramiko raises when a connection does not work."""

Dial = Callable[[str, int, float], Any]
"""Makes a TCP connection to an address and port within some seconds."""

_IS_IT_UP = "see whether it is up, and whether a firewall is in between"
_FROZEN = "it is frozen or overloaded: look at its console"


@dataclass(slots=True)
class _Attempt:
    """How far it got.

    Attributes:
        late: the time was over.
    """

    target: Target
    identity: Identity
    transport: LivingTransport | None = None
    late: bool = False


def opened(target: Target, dial: Dial | None = None) -> LivingTransport:
    """A connection to a host on which we are logged in.

    Args:
        dial: how its address is reached; None for a connection of this machine's.

    Raises:
        ConfigurationError: our key or the file of known hosts cannot be used.
        HostKeyRefused: the host's key is not the pinned one.
        HostUnreachable: anything else.
    """
    ends = time.monotonic() + target.connect_timeout
    identity = identity_of(target)
    attempt = _Attempt(target, identity)
    try:
        pinned = trust.pinned_for(target)
        sock = (dial or _dialler(target))(target.address, target.port, target.connect_timeout)
        watched = WatchedSocket(sock)

        def transport(given: Any, **options: Any) -> LivingTransport:
            made = LivingTransport(given, **options)
            made.daemon = True
            made.handshake_timeout = target.connect_timeout
            trust.prefer(made, pinned)
            attempt.transport = made
            return made

        left = max(ends - time.monotonic(), 0.1)
        connection = _fabric(target, identity, watched, transport, left)
        trust.insist(connection.client, target, pinned)
        return _logged_in(connection, attempt, watched, left)
    finally:
        identity.close()


def _fabric(
    target: Target, identity: Identity, sock: WatchedSocket, transport: Any, seconds: float
) -> fabric.Connection:
    """Fabric's connection, kept from every file that it would read: it knows what we tell it."""
    return fabric.Connection(
        target.name,
        user=target.user,
        port=target.port,
        config=Config(ssh_config=SSHConfig(), lazy=True),
        gateway=False,
        forward_agent=False,
        connect_kwargs={
            "sock": sock,
            "transport_factory": transport,
            "auth_strategy": identity.strategy(target.user),
            "timeout": seconds,
            "banner_timeout": seconds,
            "auth_timeout": seconds,
            "channel_timeout": seconds,
        },
    )


def _logged_in(
    connection: fabric.Connection, attempt: _Attempt, sock: WatchedSocket, seconds: float
) -> LivingTransport:
    target = attempt.target

    def too_late() -> None:
        attempt.late = True
        sock.close()

    guard = threading.Timer(seconds, too_late)
    guard.daemon = True
    guard.start()
    try:
        connection.open()
        transport = attempt.transport
        if transport is None or not transport.is_authenticated():
            raise paramiko.AuthenticationException("one more step is wanted")
    except (trust.UnknownKey, paramiko.BadHostKeyException) as error:
        _close(connection, sock)
        raise trust.refused(target, error) from error
    except FAULTS as error:
        attempt.late = attempt.late or _silent(attempt, error)
        _close(connection, sock)
        raise _unreachable(attempt, error) from error
    except BaseException:
        _close(connection, sock)
        raise
    finally:
        guard.cancel()
    transport.keep_alive(sock, target.lost_after)
    return transport


def _close(connection: fabric.Connection, sock: WatchedSocket) -> None:
    connection.client.close()
    sock.close()  # paramiko leaves it open if it did not come to start


def _silent(attempt: _Attempt, error: BaseException) -> bool:
    """Whether paramiko gave up waiting, before our own guard did."""
    transport = attempt.transport
    return transport is not None and transport.is_active() and not _of_login(error)


def _of_login(error: BaseException) -> bool:
    return isinstance(error, paramiko.AuthenticationException)


def _unreachable(attempt: _Attempt, error: BaseException) -> HostUnreachable:
    target, transport = attempt.target, attempt.transport
    seconds = f"{target.connect_timeout:g} s"
    greeted = transport is not None and bool(transport.remote_version)
    proven = transport is not None and transport.initial_kex_done
    if attempt.late:
        stage = "to the login" if proven else "after its greeting" if greeted else "with a greeting"
        return HostUnreachable(
            f"{target.place}: takes connections and does not answer {stage} within {seconds}",
            _FROZEN,
        )
    if isinstance(error, paramiko.IncompatiblePeer):
        return HostUnreachable(
            f"{target.place}: {_first_line(error)}", "its sshd is too old, or set up too narrowly"
        )
    if not proven:
        if "protocol version" in str(error):
            reason, hint = "is no SSH server", "see whether this is the port of its sshd"
        elif greeted:
            reason, hint = "ended the connection before the login", "its log says why"
        else:
            reason = "ended the connection without a greeting"
            hint = "sshd takes only so many logins at once (MaxStartups): try again"
        return HostUnreachable(f"{target.place}: {reason}", hint)
    return _not_let_in(attempt)


def _not_let_in(attempt: _Attempt) -> HostUnreachable:
    target, identity = attempt.target, attempt.identity
    if not identity.keys:
        return HostUnreachable(
            f"{target.place}: there is no key to log in with as {target.user}",
            "name one as ssh.key_file, or add one to the SSH agent with ssh-add",
        )
    named = target.key_file
    hint = "ssh.user and ssh.key_file say who logs in and with which key"
    if named is not None:
        hint = (
            f"put {named}.pub into ~{target.user}/.ssh/authorized_keys there, or correct ssh.user"
        )
    return HostUnreachable(
        f"{target.place}: does not let {target.user} in with {identity.words}", hint
    )


def _dialler(target: Target) -> Dial:
    def dial(address: str, port: int, seconds: float) -> socket.socket:
        try:
            sock = socket.create_connection((address, port), seconds)
        except TimeoutError as error:
            raise HostUnreachable(
                f"{target.place}: no answer within {seconds:g} s", _IS_IT_UP
            ) from error
        except (socket.gaierror, UnicodeError) as error:
            raise HostUnreachable(
                f"{target.place}: there is no such name", "correct its address in sophia.yaml"
            ) from error
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise HostUnreachable(f"{target.place}: {reason}", _IS_IT_UP) from error
        prepare(sock, target.lost_after)
        return sock

    return dial


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
