"""One home that serves REST, shared by tests that harm nothing; each keeps to a user of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import httpx
import pytest

from tests.daemon.rest.served import Served, served

_numbers = itertools.count()


@pytest.fixture(scope="package")
def rest() -> Iterator[Served]:
    with served() as opened:
        yield opened


@pytest.fixture(scope="package")
def token(rest: Served) -> str:
    """One that may read and write everything."""
    return rest.token()


@pytest.fixture
def client(rest: Served, token: str) -> Iterator[httpx.Client]:
    """On TCP."""
    with rest.bearer(token) as opened:
        yield opened


@pytest.fixture
def owner(rest: Served) -> Iterator[httpx.Client]:
    """On the socket in the home."""
    with rest.owner() as opened:
        yield opened


@pytest.fixture
def user() -> str:
    """A user whom no other test knows."""
    return f"user-{next(_numbers)}"
