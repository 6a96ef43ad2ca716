"""One home for all transports: its resident process also listens on TCP, and there is a token."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pytest

from sophia_cli import AsyncSophia, Sophia
from tests.conftest import Sophia as Cli
from tests.conftest import temporary_home, wait_until

_numbers = itertools.count()


@dataclass(slots=True)
class Caller:
    """One way to the memory, whose calls are made alike: `caller("recall", "x", user="ana")`."""

    client: Sophia | AsyncSophia
    loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        """What the call returns or raises; a list as a list."""
        made = getattr(self.client, name)(*arguments, **options)
        if inspect.isasyncgen(made):
            return self._wait(_all(made))
        if inspect.isawaitable(made):
            return self._wait(made)
        return list(made) if inspect.isgenerator(made) else made

    def close(self) -> None:
        """Closes the client and its loop."""
        self("close")
        if self.loop is not None:
            self.loop.close()

    def _wait(self, awaitable: Any) -> Any:
        assert self.loop is not None
        return self.loop.run_until_complete(awaitable)


async def _all(generator: Any) -> list[Any]:
    return [each async for each in generator]


@dataclass(slots=True)
class House:
    """The home, and the ways into it.

    Attributes:
        url: where the resident process listens.
        token: opens it.
    """

    cli: Cli
    url: str
    token: str
    made: list[Caller] = field(default_factory=list)

    def caller(self, transport: str, way: str, **settings: Any) -> Caller:
        """A caller of this transport (`in process`, `socket`, `http`) and way (`sync`, `async`)."""
        kind: Any = Sophia if way == "sync" else AsyncSophia
        if transport == "in process":
            client = kind.in_process()
        elif transport == "http":
            client = kind(**{"url": self.url, "token": self.token, **settings})
        else:
            client = kind(**settings)
        caller = Caller(client, None if way == "sync" else asyncio.new_event_loop())
        self.made.append(caller)
        return caller


@contextlib.contextmanager
def opened_house() -> Iterator[House]:
    """A home of its own, up, in the variables of this process."""
    with temporary_home() as home, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        variables = {"SOPHIA_REST__LISTEN": f"127.0.0.1:{port}"}
        cli = Cli(home, variables)
        with patch.dict(os.environ, {"SOPHIA_HOME": str(home), **variables}):
            assert cli("up").returncode == 0
            granted = ["--scope", "read", "--scope", "write"]
            token = cli.data("token", "create", "tests", *granted)[0]["token"]
            wait_until(lambda: _listens(port))
            house = House(cli, f"http://127.0.0.1:{port}", token)
            yield house
            for caller in house.made:
                caller.close()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


@pytest.fixture(scope="package")
def house() -> Iterator[House]:
    with opened_house() as opened:
        yield opened


WAYS = [
    (transport, way) for transport in ("in process", "socket", "http") for way in ("sync", "async")
]
_callers: dict[tuple[int, str, str], Caller] = {}


@pytest.fixture(params=WAYS, ids=lambda way: " ".join(way))
def caller(house: House, request: pytest.FixtureRequest) -> Caller:
    """Each way into the home, kept open from test to test."""
    key = (id(house), *request.param)
    if key not in _callers:
        _callers[key] = house.caller(*request.param)
    return _callers[key]


@pytest.fixture
def callers(house: House) -> list[Caller]:
    """All of them."""
    for way in WAYS:
        _callers.setdefault((id(house), *way), house.caller(*way))
    return [_callers[(id(house), *way)] for way in WAYS]


@pytest.fixture
def user() -> str:
    """A user whom no other test knows."""
    return f"user-{next(_numbers)}"


def problem(call: Callable[[], Any]) -> tuple[str, str]:
    """The error's code and class of a call that must fail."""
    from sophia_cli.errors import SophiaError

    with pytest.raises(SophiaError) as failed:
        call()
    json.dumps([failed.value.message, failed.value.hint])
    return failed.value.code, type(failed.value).__name__
