"""The link to one SSH server: opened when it is first needed, and again after it was lost."""

from __future__ import annotations

import threading
from typing import Any

import paramiko

from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.ops.connection.channels import ChannelSocket
from sophia_cli.ops.connection.liveness import LivingTransport
from sophia_cli.ops.connection.opening import FAULTS, opened
from sophia_cli.ops.connection.target import Target
from sophia_cli.ops.errors import HostUnreachable

# What OpenSSH answers to a channel: RFC 4254, section 5.1.
_PROHIBITED = 1
_HERE = ("127.0.0.1", 0)


class Link:
    """A connection that is there when it is asked for. Several threads may ask.

    Args:
        bastion: the link it is opened through, if one is.
    """

    def __init__(self, target: Target, bastion: Link | None = None) -> None:
        self.target = target
        self._bastion = bastion
        self._lock = threading.Lock()
        self._transport: LivingTransport | None = None
        self._closed = False

    def transport(self) -> LivingTransport:
        """The connection, opened now if it is not there or was lost.

        Raises:
            HostUnreachable, HostKeyRefused, ConfigurationError: see `opened`.
        """
        with self._lock:
            if self._closed:
                raise HostUnreachable(f"{self.target.name}: its connection was closed here")
            if self._transport is None or not self._transport.is_active():
                dial = None if self._bastion is None else self._through_bastion
                self._transport = opened(self.target, dial)
            return self._transport

    def tcp(self, address: str, port: int, timeout: float) -> paramiko.Channel:
        """A TCP connection that this host makes.

        Raises:
            Unreachable: nobody listens there, or the host does not do such a thing.
            HostUnreachable: and others of `transport`.
        """
        name, where = self.target.name, f"{address}:{port}"
        for last in (False, True):
            transport = self.transport()
            try:
                return transport.open_channel(
                    "direct-tcpip", (address, port), _HERE, timeout=timeout
                )
            except paramiko.ChannelException as error:
                if error.code == _PROHIBITED:
                    raise Unreachable(
                        f"{name}: its sshd makes no connections for us",
                        "set `AllowTcpForwarding local` in its sshd_config",
                    ) from error
                raise Unreachable(
                    f"{name}: {where} is not reached from there: {error.text.lower()}",
                    "see whether the service runs, and on which address",
                ) from error
            except FAULTS as error:
                if transport.is_active():
                    raise Unreachable(
                        f"{name}: {where} is not reached from there within {timeout:g} s",
                        "see whether the service runs, and whether a firewall drops it",
                    ) from error
                if last:
                    raise self.lost_before() from error
        raise AssertionError("unreachable")

    def lost_before(self) -> HostUnreachable:
        """The connection went away again before anything could be asked."""
        return HostUnreachable(
            f"{self.target.place}: the connection was lost before anything was asked of it",
            "run it again; `sophia hosts` shows whether the host answers",
        )

    def close(self) -> None:
        """Ends it; it is not opened again."""
        with self._lock:
            self._closed = True
            transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _through_bastion(self, address: str, port: int, seconds: float) -> Any:
        assert self._bastion is not None  # noqa: S101  (`transport` looks)
        place, bastion = self.target.place, self._bastion.target.name
        try:
            return ChannelSocket(self._bastion.tcp(address, port, seconds))
        except HostUnreachable as error:
            raise HostUnreachable(f"{place}: by way of {error.message}", error.hint) from error
        except Unreachable as error:
            reason = error.message.removeprefix(f"{bastion}: ")
            raise HostUnreachable(
                f"{place}: the bastion does not reach it: {reason}", error.hint
            ) from error
        except SophiaError as error:
            raise type(error)(f"{self.target.name}: {error.message}", error.hint) from error
