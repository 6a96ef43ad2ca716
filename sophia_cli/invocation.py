"""One run of a command: its environment, its global options, its configuration and its service."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sophia_cli.config.loading import Loaded, load
from sophia_cli.config.model import Config
from sophia_cli.environment import Environment
from sophia_cli.home import Home
from sophia_cli.terminal import Terminal

if TYPE_CHECKING:
    from sophia_cli.memory.service import MemoryService
    from sophia_cli.ops.inventory.reading import ReadInventory

Opener = Callable[[Config], contextlib.AbstractContextManager["MemoryService"]]


@dataclass(slots=True)
class Invocation:
    """What every command gets as `context.obj`.

    Attributes:
        opener: how the service is opened; None opens one in the foreground.
        options: the configuration keys that were given as options.
    """

    environment: Environment
    terminal: Terminal
    opener: Opener | None = None
    options: dict[str, Any] = field(default_factory=dict)
    verbose: bool = False
    debug: bool = False
    _loaded: Loaded | None = None
    _inventory: ReadInventory | None = None
    _opened: bool = False

    @classmethod
    def of(cls, context: typer.Context) -> Invocation:
        """The invocation that a command's context belongs to."""
        invocation = context.find_object(cls)
        assert invocation is not None  # noqa: S101  (app.run puts it there)
        return invocation

    @property
    def loaded(self) -> Loaded:
        """The configuration with the origin of each value."""
        if self._loaded is None:
            variables = self.environment.variables
            self._loaded = load(variables, self.options, self.environment.cwd)
        return self._loaded

    @property
    def config(self) -> Config:
        """The configuration.

        Raises:
            ConfigurationError: it cannot be used; all mistakes at once.
        """
        return self.loaded.config

    @property
    def inventory(self) -> ReadInventory:
        """The inventory of the cluster, with the lines of the file it is in.

        Raises:
            ConfigurationError: there is none, or it cannot be used; all mistakes at once.
        """
        if self._inventory is None:
            from sophia_cli.ops.inventory.reading import read_inventory

            environment = self.environment
            self._inventory = read_inventory(environment.variables, self.options, environment.cwd)
        return self._inventory

    @property
    def home(self) -> Home:
        """The home that the user's environment names."""
        return Home.of(self.environment.variables)

    @property
    def now(self) -> datetime:
        """The time of the command."""
        return self.environment.now()

    def path(self, given: str | Path) -> Path:
        """A path as the user meant it."""
        return self.environment.path(given)

    @property
    def is_logged(self) -> bool:
        """Whether it is one for the log: it uses the memory, or runs for a client."""
        return self.opener is not None or self._opened

    @contextlib.contextmanager
    def service(self) -> Iterator[MemoryService]:
        """The memory service: the resident process's, or one of our own."""
        from sophia_cli.logs.events import at_level

        config = self.config
        self._opened = True
        with at_level(config.log.level):
            if self.opener is not None:
                with self.opener(config) as service:
                    yield service
            else:
                from sophia_cli.daemon.foreground import foreground_service

                with foreground_service(config, self.home) as service:
                    yield service
