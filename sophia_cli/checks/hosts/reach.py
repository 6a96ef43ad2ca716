"""Hosts as a look reaches them: each opened once, given up in time, and not tried again."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from sophia_cli.checks.in_time import in_time
from sophia_cli.errors import ConfigurationError, SophiaError
from sophia_cli.ops.connection.protocol import Command, Connection, Connections
from sophia_cli.ops.errors import HostUnreachable

if TYPE_CHECKING:
    from pydantic import SecretStr

    from sophia_cli.checks.scene import Scene
    from sophia_cli.ops.site import Secrets, Site

OPENING = 5.0
"""How long it may take until we are logged in on a host, seconds."""


class Reach:
    """The connections to hosts; see `protocol.Connections`. One that failed fails at once later.

    Args:
        seconds: after which a host that has not let us in counts as not reached.
    """

    def __init__(self, connections: Connections, seconds: float = OPENING) -> None:
        self._connections = connections
        self._seconds = seconds
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._found: dict[str, Connection | SophiaError] = {}

    @contextlib.contextmanager
    def to(self, host: str) -> Iterator[Connection]:
        """The one connection to a host, on which we are logged in.

        Raises:
            HostUnreachable, HostKeyRefused, OutcomeUnknown, ConfigurationError: see `Connection`.
        """
        with self._lock:
            lock = self._locks.setdefault(host, threading.Lock())
        with lock:
            if host not in self._found:
                try:
                    self._found[host] = in_time(
                        lambda: self._opened(host), self._seconds, lambda: self._late(host)
                    )
                except SophiaError as error:
                    self._found[host] = error
        found = self._found[host]
        if isinstance(found, SophiaError):
            raise found
        yield found

    def error(self, host: str) -> SophiaError | None:
        """Why a host is not reached; None where it is, or nobody has tried yet."""
        found = self._found.get(host)
        return found if isinstance(found, SophiaError) else None

    def _opened(self, host: str) -> Connection:
        with self._connections.to(host) as connection:
            connection.run(Command("true", sudo=False, timeout=self._seconds))
            return connection

    def _late(self, host: str) -> HostUnreachable:
        return HostUnreachable(
            f"{host}: does not let us in within {self._seconds:g} s",
            "it is frozen or overloaded: look at its console",
        )


class KeptSecrets:
    """The secrets that there are; see `site.Secrets`. None is made by looking."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def value(self, name: str) -> SecretStr:
        """One of them.

        Raises:
            ConfigurationError: this machine has none of the name.
        """
        found = self._secrets.all().get(name)
        if found is None:
            raise ConfigurationError(
                f"this machine does not keep {name}",
                "look from the machine that deployed, or run `sophia deploy`",
            )
        return found

    def all(self) -> dict[str, SecretStr]:
        """All of them."""
        return self._secrets.all()


def reached_site(scene: Scene) -> Site:
    """The site, each host of it given up in time; for all checks of a run the same.

    Raises:
        ConfigurationError: the inventory is wrong.
    """

    def made() -> Site:
        site = scene.site
        return replace(site, connections=Reach(site.connections), secrets=KeptSecrets(site.secrets))

    return scene.once("reached site", made)
