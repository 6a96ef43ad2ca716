"""A home whose resident process serves REST on its socket and on TCP, and clients of both."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from sophia_cli.locations import rest_socket
from tests.conftest import Sophia, temporary_home

_numbers = itertools.count()
PLENTY = {"SOPHIA_REST__RATE": "100000", "SOPHIA_REST__BURST": "100000"}


@dataclass(slots=True)
class Served:
    """REST of one home.

    Attributes:
        address: where it is on TCP.
    """

    sophia: Sophia
    address: str

    def owner(self, **settings: Any) -> httpx.Client:
        """A client on the socket in the home."""
        transport = httpx.HTTPTransport(uds=self.socket)
        return httpx.Client(base_url="http://sophia", transport=transport, timeout=30, **settings)

    def bearer(self, token: str | None, **settings: Any) -> httpx.Client:
        """A client on TCP."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.Client(
            base_url=f"http://{self.address}", headers=headers, timeout=30, **settings
        )

    def token(self, *options: str, scopes: tuple[str, ...] = ("read", "write")) -> str:
        """A new token."""
        wanted = [word for scope in scopes for word in ("--scope", scope)]
        made = self.sophia.data("token", "create", f"test-{next(_numbers)}", *wanted, *options)
        return str(made[0]["token"])

    def connection(self) -> socket.socket:
        """A bare connection on TCP."""
        host, _, port = self.address.rpartition(":")
        opened = socket.create_connection((host, int(port)), timeout=30)
        opened.settimeout(30)
        return opened

    @property
    def socket(self) -> str:
        """The path of the socket in the home."""
        return rest_socket(str(self.sophia.home))

    def log(self) -> str:
        """What the resident process has logged."""
        return (self.sophia.home / "logs" / "resident.log").read_text()


def free_address() -> str:
    """An address on this machine where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


@contextlib.contextmanager
def served(variables: Mapping[str, str] | None = None) -> Iterator[Served]:
    """A home of its own, up and ready."""
    with temporary_home() as home:
        address = free_address()
        sophia = Sophia(home, {"SOPHIA_REST__LISTEN": address, **PLENTY, **(variables or {})})
        up = sophia("up")
        assert up.returncode == 0, up.stderr
        yield Served(sophia, address)
