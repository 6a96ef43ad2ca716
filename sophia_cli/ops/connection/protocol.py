"""What operating a host needs of a connection to it, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Command:
    """One command for a host.

    Attributes:
        text: for the host's `sh`; built by quoting. It is shown, logged and seen in the host's
            process list: it never holds a secret.
        stdin: what it reads; may hold a secret, and is never shown.
        sudo: whether it runs as root.
        timeout: how long it may take, seconds; None for the inventory's.
    """

    text: str
    stdin: bytes = field(default=b"", repr=False)
    sudo: bool = True
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended by itself; both outputs in UTF-8, what is none of it replaced."""

    exit_status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as it should be on a host; it replaces what is there in one step.

    Attributes:
        path: absolute.
        mode: octal text, as `0640`.
        secret: whether the content may be shown nowhere.
    """

    path: str
    content: bytes = field(repr=False)
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    secret: bool = False


class Stream(Protocol):
    """A TCP connection from a host, as a socket has it."""

    def settimeout(self, seconds: float | None) -> None:
        """How long one call may wait."""

    def sendall(self, data: bytes) -> None:
        """Sends all of it."""

    def recv(self, size: int) -> bytes:
        """What has come, at most `size` bytes; empty at the end."""

    def close(self) -> None:
        """Ends it."""


class Connection(Protocol):
    """A connection to one host. Calls from several threads are served side by side.

    All methods raise:
        HostUnreachable: no connection came about.
        HostKeyRefused: the host's key is not the pinned one.
        OutcomeUnknown: the connection was lost, or the time was over, on the way.
        SudoRefused: sudo does not let us.
    """

    @property
    def host(self) -> str:
        """The host's name in the inventory."""

    def run(self, command: Command, on_output: Callable[[str], None] | None = None) -> Finished:
        """Runs a command to its end, whatever its exit status.

        Args:
            on_output: gets each line of both outputs as it comes, already redacted.
        """

    def put(self, file: RemoteFile) -> None:
        """Writes a file: right owner and mode from the first byte, then in its place at once.

        Raises:
            CommandFailed: it cannot be written: no such directory, no space.
        """

    def open_tcp(self, address: str, port: int, timeout: float) -> Stream:
        """A TCP connection that the host itself makes, to one of its own or another address.

        Raises:
            Unreachable: nobody listens there.
        """

    def close(self) -> None:
        """Ends it; safe to call twice."""


class Connections(Protocol):
    """The connections to the hosts of an inventory, each made when it is first asked for."""

    def to(self, host: str) -> contextlib.AbstractContextManager[Connection]:
        """The one connection to a host; leaving the context keeps it open for the next."""
