"""What a scenario measures with: a service on a store of its own, and what ends with the run."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from sophia_cli.config.model import Config
from sophia_cli.home import Home
from sophia_cli.memory.service import MemoryService

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to every scenario of a run.

    Attributes:
        service: on the embedded engines, over `memories` made-up turns if any scenario of the run
            asks for a store.
        home: of this service.
        config: whose embedder and search the service has.
    """

    service: MemoryService
    home: Home
    config: Config
    memories: int
    ends: ExitStack = field(default_factory=ExitStack)

    def until_the_end(self, thing: AbstractContextManager[T]) -> T:
        """Enters what a measurement needs; it is left when the run is over."""
        return self.ends.enter_context(thing)
