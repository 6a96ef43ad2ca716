"""The scene: what checks look at, each part opened when it is first asked for, and then shared."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

from sophia_cli.config.loading import Loaded
from sophia_cli.home import Home
from sophia_cli.invocation import Invocation

if TYPE_CHECKING:
    from sophia_cli.ops.inventory.reading import ReadInventory
    from sophia_cli.ops.site import Site

T = TypeVar("T")


@dataclass(slots=True)
class Scene:
    """One run of doctor or health. Its checks look at it from several threads.

    Attributes:
        invocation: the command that looks.
        shared: what is made once for all checks, by name: see `once`.
    """

    invocation: Invocation
    stack: contextlib.ExitStack
    shared: dict[str, object] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives, made once; an error that it raises is raised for all who ask."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self.shared:
                try:
                    self.shared[name] = make()
                except Exception as error:
                    self.shared[name] = error
        found = self.shared[name]
        if isinstance(found, Exception):
            raise found
        return cast(T, found)

    @property
    def home(self) -> Home:
        """The home that the user's environment names."""
        return self.invocation.home

    @property
    def loaded(self) -> Loaded:
        """The configuration, with where each value is from; `ConfigurationError` if it is wrong."""
        return self.once("configuration", lambda: self.invocation.loaded)

    @property
    def inventory(self) -> ReadInventory | None:
        """The cluster's inventory; None where the file names no hosts.

        Raises:
            ConfigurationError: it is wrong.
        """
        return self.once("inventory", self._inventory)

    @property
    def site(self) -> Site:
        """The hosts, their connections and secrets; asked only where there is an inventory."""
        return self.once("site", self._site)

    def _inventory(self) -> ReadInventory | None:
        from sophia_cli.ops.inventory.reading import has_hosts

        if not has_hosts(self.invocation.loaded.path):
            return None
        return self.invocation.inventory

    def _site(self) -> Site:
        from sophia_cli.ops.connection.pool import HostConnections
        from sophia_cli.ops.connection.redaction import Redactor
        from sophia_cli.ops.kept import Kept
        from sophia_cli.ops.secret_store import SecretStore
        from sophia_cli.ops.site import Site

        read = self.inventory
        assert read is not None  # noqa: S101  (a check asks for hosts only where there are some)
        store = SecretStore(Kept.of(self.home, read.inventory.cluster).secrets)
        redactor = Redactor(each.get_secret_value() for each in store.all().values())
        cancelled = self.invocation.environment.cancelled
        connections = self.stack.enter_context(HostConnections(read.inventory, redactor, cancelled))
        return Site(read.inventory, connections, store, cancelled=cancelled)
