"""What every request stands on: the configuration as it is now, and the service that it names."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from sophia_cli.api.access import Access
from sophia_cli.api.memories import Memories
from sophia_cli.config.model import Config
from sophia_cli.daemon.rest.settings import Settings
from sophia_cli.memory.service import MemoryService

Open = Callable[[Config], contextlib.AbstractContextManager[MemoryService]]


@dataclass(frozen=True, slots=True)
class Backend:
    """The way from a request to the memory. Safe to use from many threads.

    Attributes:
        settings: the configuration as it is now.
        open: opens the service that a configuration names; see `Host.open`.
    """

    settings: Settings
    open: Open

    def service(self) -> contextlib.AbstractContextManager[MemoryService]:
        """The service, for as long as the block lasts. It may wait: not for the event loop."""
        return self.open(self.settings.config)

    def memories(self, access: Access) -> Memories:
        """The memory as one caller may use it."""
        return Memories(self.service, self.settings.config.recall, access)


def backend_of(connection: HTTPConnection) -> Backend:
    """The backend of the application that a request belongs to."""
    found: Backend = connection.app.state.backend
    return found


def access_of(connection: HTTPConnection) -> Access:
    """Who asks, as the gate has found it."""
    found: Access = connection.scope["state"]["access"]
    return found


def memories_of(connection: HTTPConnection) -> Memories:
    """The memory as the caller of a request may use it."""
    return backend_of(connection).memories(access_of(connection))
