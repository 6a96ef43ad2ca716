"""A home with its resident process, and editors that speak to it: by lines, or with the SDK."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.conftest import SOPHIA, Sophia, temporary_home

_numbers = itertools.count()
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "a test", "version": "1"},
}


@dataclass(slots=True)
class Editor:
    """An editor at the end of two pipes, which writes lines and reads them."""

    process: subprocess.Popen[str]

    def write(self, text: str | bytes) -> None:
        """Writes as it is."""
        data = text.encode() if isinstance(text, str) else text
        while data:
            data = data[os.write(self.process.stdin.fileno(), data) :]

    def send(self, **message: Any) -> None:
        """Writes one message."""
        self.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")

    def read(self) -> dict[str, Any]:
        """The next message; it must be one line of JSON."""
        line = self.process.stdout.readline()
        assert line, f"it said no more: {self.process.stderr.read()}"
        found: dict[str, Any] = json.loads(line)
        assert found["jsonrpc"] == "2.0"
        return found

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to one request."""
        id_ = next(_numbers)
        self.send(id=id_, method=method, params=params)
        answer = self.read()
        assert answer["id"] == id_
        return answer

    def open(self) -> dict[str, Any]:
        """Shakes hands."""
        answer = self.ask("initialize", **HELLO)
        self.send(method="notifications/initialized")
        return answer

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The result of a tool."""
        found: dict[str, Any] = self.ask("tools/call", name=tool, arguments=arguments)["result"]
        return found

    def rows(self, tool: str, **arguments: Any) -> list[dict[str, Any]]:
        """What a tool that must succeed gives."""
        result = self.call(tool, **arguments)
        assert not result.get("isError"), result
        found: list[dict[str, Any]] = result["structuredContent"]["data"]
        return found

    def close(self) -> tuple[int, str, str]:
        """Closes its end; the status, and what was still said on both streams."""
        out, error = self.process.communicate(timeout=30)
        return self.process.returncode, out, error


@pytest.fixture(scope="package")
def shared() -> Iterator[Sophia]:
    """A home whose resident process runs."""
    with temporary_home() as home:
        sophia = Sophia(home)
        assert sophia("up").returncode == 0
        yield sophia


@pytest.fixture
def edit(shared: Sophia) -> Iterator[Callable[..., Editor]]:
    """Starts an editor in the shared home; all of them are gone after the test."""
    with editors(shared) as start:
        yield start


@pytest.fixture
def user() -> str:
    """A user whom no other test knows."""
    return f"user-{next(_numbers)}"


@contextlib.contextmanager
def editors(sophia: Sophia) -> Iterator[Callable[..., Editor]]:
    """A function that starts `sophia mcp` with options, and shakes hands unless told not to."""
    started: list[Editor] = []

    def start(*options: str, hello: bool = True, way: tuple[str, ...] = ()) -> Editor:
        editor = Editor(sophia.start(*way, "mcp", *options))
        started.append(editor)
        if hello:
            editor.open()
        return editor

    try:
        yield start
    finally:
        for editor in started:
            editor.process.kill()
            editor.process.communicate()


@contextlib.asynccontextmanager
async def official(sophia: Sophia, *options: str, **settings: Any) -> AsyncIterator[Client]:
    """The official SDK's client at the other end."""
    server = StdioServerParameters(
        command=str(SOPHIA), args=["mcp", *options], env=sophia.environment({})
    )
    with Path(os.devnull).open("w") as nowhere:
        async with Client(stdio_client(server, errlog=nowhere), **settings) as client:
            yield client


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
