"""Hosts that are this machine: their commands run in its shell, their TCP goes to its loopback."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Callable, Iterator

from sophia_cli.errors import Unreachable
from sophia_cli.ops.connection.protocol import Command, Finished, RemoteFile


class Loopback:
    """A connection to a host that is this machine."""

    def __init__(self, host: str) -> None:
        self.host = host

    def run(self, command: Command, on_output: Callable[[str], None] | None = None) -> Finished:
        ended = subprocess.run(
            ["sh", "-c", command.text],
            input=command.stdin.decode(),
            capture_output=True,
            text=True,
            timeout=30,
        )
        return Finished(ended.returncode, ended.stdout, ended.stderr)

    def put(self, file: RemoteFile) -> None:
        raise AssertionError("nothing here writes a file")

    def open_tcp(self, address: str, port: int, timeout: float) -> socket.socket:
        assert address.startswith("127."), "tests stay on the loopback"
        try:
            return socket.create_connection((address, port), timeout)
        except OSError as error:
            raise Unreachable(f"{self.host}: nobody listens at {address}:{port}") from error

    def close(self) -> None: ...


class Loopbacks:
    """The connections to hosts that are this machine; `gone` are not reached."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    @contextlib.contextmanager
    def to(self, host: str) -> Iterator[Loopback]:
        if host in self.gone:
            raise Unreachable(f"{host}: not reached by SSH")
        yield Loopback(host)
