"""The scene: what checks look at, each part opened when it is first asked for, and then shared.

Nothing that was found stopped is started by looking, and nothing of another version is replaced.
Only where nothing of the home runs at all, the memory is opened as any command opens it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar, cast

from sophia_cli.checks.standing import Standing, engine_of, standing
from sophia_cli.config.loading import Loaded
from sophia_cli.engines.valkey import Valkey
from sophia_cli.errors import Refused, SophiaError, TierDown
from sophia_cli.home import Home
from sophia_cli.invocation import Invocation

if TYPE_CHECKING:
    from sophia_cli.memory.ports import Embedder, Vectors
    from sophia_cli.memory.service import MemoryService
    from sophia_cli.ops.inventory.reading import ReadInventory
    from sophia_cli.ops.site import Site
    from sophia_cli.tiers.records.database import Database

T = TypeVar("T")

_CONNECTING = timedelta(seconds=5)
"""How long connecting to a host may take at most, whatever the inventory allows."""
_PATIENCE = 3.0
"""Seconds that a tier has for one answer; the configuration's own time-out where it is shorter."""
_CONNECTIONS = 3
_STARTING, _PAUSE = 5.0, 0.1


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

    def prepare(self, begin: Callable[[], None] = lambda: None) -> None:
        """Looks what stands, before anything is opened; opens the memory where nothing does.

        What cannot be opened is for the checks to say. What all of them load is loaded here:
        threads that come to one package from two sides would meet it half made.

        Args:
            begin: is called before the memory is opened, with everything loaded.
        """
        import sophia_cli.assembly
        import sophia_cli.memory.probes  # noqa: F401

        begin()
        if not self.standing.attended:
            with contextlib.suppress(SophiaError):
                _ = self.service

    @property
    def home(self) -> Home:
        """The home that the user's environment names."""
        return self.invocation.home

    @property
    def loaded(self) -> Loaded:
        """The configuration, with where each value is from; `ConfigurationError` if it is wrong."""
        return self.once("configuration", lambda: self.invocation.loaded)

    @property
    def standing(self) -> Standing:
        """What of this home ran before this run opened anything."""
        return self.once("standing", self._standing)

    @property
    def service(self) -> MemoryService:
        """The memory: the resident process's where that runs this command, else one of our own.

        Raises:
            TierDown: what it stands on is stopped or frozen; it is not started here.
            Refused: the resident process is of another version; it is not replaced here.
            SophiaError: it cannot be opened.
        """
        return self.once("service", self._service)

    @property
    def database(self) -> Database:
        """A few connections of our own to the records: whether the service is well or not.

        Raises:
            TierDown: the embedded PostgreSQL does not run.
            SophiaError: nothing ran, and the memory cannot be opened.
        """
        return self.once("database", self._database)

    @property
    def vectors(self) -> Vectors:
        """The vectors; those of the resident process also while the records are down.

        Raises:
            SophiaError: see `service`.
        """
        return self.once("vectors", self._vectors)

    @property
    def embedder(self) -> Embedder:
        """The embedder of the configuration, also while the records are down."""
        return self.once("embedder", self._embedder)

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

    def _standing(self) -> Standing:
        """One that has just been started has a moment for its engines."""
        deadline = time.monotonic() + _STARTING
        while True:
            found = standing(self.home, inside=self.invocation.opener is not None)
            if not found.is_starting(self._own_engines()) or time.monotonic() > deadline:
                return found
            self.invocation.environment.check_cancelled()
            time.sleep(_PAUSE)

    def _own_engines(self) -> list[str]:
        """The embedded engines that the configuration stands on."""
        try:
            config = self.loaded.config
        except SophiaError:
            return []
        engines = ["postgres"] if config.records.url is None else []
        if config.hot_cache.enabled and config.hot_cache.url is None and Valkey.available():
            engines.append("valkey")
        return engines

    def _service(self) -> MemoryService:
        config, found = self.loaded.config, self.standing
        if self.invocation.opener is None:
            if config.vector_engine == "edge":
                _check_lender(found)
            if found.attended or config.records.url is not None:
                self.database.ask(lambda connection: connection.execute(""))
        # It is entered by the thread that asks first and left by the one that ends the run; what
        # it binds to its context has to be one and the same.
        context, opened = copy_context(), self.invocation.service()
        try:
            service = context.run(opened.__enter__)
        except SophiaError:
            raise
        except Exception as error:
            cause = (str(error).splitlines() or [type(error).__name__])[0]
            raise SophiaError(f"the memory cannot be opened: {cause}", "sophia stats") from error
        self.stack.push(lambda *error: context.run(opened.__exit__, *error))
        return service

    def _database(self) -> Database:
        from sophia_cli.tiers.records.database import Database

        config, password = self.loaded.config.records, self.loaded.config.records.password()
        url = config.url
        if url is None:
            engine = engine_of(self.home, "postgres")
            if not self.standing.attended:
                _ = self.service  # It has a share in the engine, for as long as this run.
            elif self.standing.engines["postgres"] == "stopped":
                raise TierDown(
                    "records",
                    "PostgreSQL does not run, though the resident process does",
                    "sophia up",
                )
            url = engine.address
        address = url
        database = Database(
            lambda: address,
            size=_CONNECTIONS,
            timeout=min(_PATIENCE, config.timeout.total_seconds()),
            password=None if password is None else password.get_secret_value(),
        )
        self.stack.callback(database.close)
        return database

    def _vectors(self) -> Vectors:
        try:
            return self.service.vectors
        except SophiaError:
            if self.loaded.config.vector_engine != "edge" or not self.standing.lends:
                raise
        from sophia_cli.daemon.borrowing import BorrowedVectors

        borrowed = BorrowedVectors(self.home)
        self.stack.callback(borrowed.close)
        return borrowed

    def _embedder(self) -> Embedder:
        with contextlib.suppress(SophiaError):
            return self.service.embedder
        from sophia_cli.assembly import embedder_of

        embedder = embedder_of(self.loaded.config)
        self.stack.callback(embedder.close)
        return embedder

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
        # A host that is frozen keeps nobody waiting at the end either.
        ssh = read.inventory.ssh
        soon = ssh.model_copy(update={"connect_timeout": min(ssh.connect_timeout, _CONNECTING)})
        hurried = read.inventory.model_copy(update={"ssh": soon})
        connections = self.stack.enter_context(HostConnections(hurried, redactor, cancelled))
        return Site(read.inventory, connections, store, cancelled=cancelled)


def _check_lender(found: Standing) -> None:
    """Sees that the process which holds the engine's directory can lend it."""
    if found.is_other_version:
        raise Refused(
            f"the resident process is version {found.resident.version}, this is another",
            "sophia up",
        )
    if found.state in ("frozen", "not ready"):
        raise TierDown(
            "vectors", f"the resident process holds them and is {found.state}", "sophia status"
        )
