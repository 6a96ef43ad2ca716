"""What a scenario measures with: a service on a store of its own, and what ends with the run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

from sophia_cli.config.model import Config
from sophia_cli.home import Home
from sophia_cli.memory.service import MemoryService

T = TypeVar("T")
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Shows what is under way and of how many steps; gives what is told of each: Terminal.progress."""


def unseen(*_: object) -> AbstractContextManager[Callable[[int], None]]:
    """A progress that nobody is shown."""
    return nullcontext(lambda _: None)


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to every scenario of a run.

    Attributes:
        service: on the embedded engines, over `memories` made-up turns if any scenario of the run
            asks for a store.
        home: of this service.
        config: whose embedder and search the service has.
        progress: for what takes long before anything is measured; ends it when the user wants to.
    """

    service: MemoryService
    home: Home
    config: Config
    memories: int
    progress: Progress = unseen
    ends: ExitStack = field(default_factory=ExitStack)

    def until_the_end(self, thing: AbstractContextManager[T]) -> T:
        """Enters what a measurement needs; it is left when the run is over."""
        return self.ends.enter_context(thing)
