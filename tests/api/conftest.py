"""One store for all tests of the API; each test keeps to a user of its own."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator

import pytest

from sophia_cli.api.access import OWNER, Access
from sophia_cli.api.memories import Memories
from sophia_cli.config.model import Config
from sophia_cli.memory.service import MemoryService
from tests.commands.stores import opened_console

_numbers = itertools.count()


@pytest.fixture(scope="session")
def service() -> Iterator[MemoryService]:
    """A service over real engines."""
    with opened_console() as console:
        yield console.service


@pytest.fixture
def user() -> str:
    """A user whom no other test knows."""
    return f"user-{next(_numbers)}"


@pytest.fixture
def as_(service: MemoryService) -> Callable[[Access], Memories]:
    """The memory as somebody may use it."""

    def opened(access: Access = OWNER) -> Memories:
        return Memories(lambda: contextlib.nullcontext(service), Config().recall, access)

    return opened
