"""One store for all tests of commands; each test keeps to a user of its own."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.commands.console import Console
from tests.commands.stores import opened_console

_numbers = itertools.count()


@pytest.fixture(scope="session")
def shared() -> Iterator[Console]:
    with opened_console() as console:
        yield console


@pytest.fixture
def console(shared: Console) -> Console:
    """The shared store, with a clock and variables that a test may set."""
    return replace(shared, variables={}, cancelled=threading.Event())


@pytest.fixture
def user() -> str:
    """A user whom no other test knows."""
    return f"user-{next(_numbers)}"


@pytest.fixture
def empty() -> Iterator[Console]:
    """An empty store."""
    with opened_console() as console:
        yield console
