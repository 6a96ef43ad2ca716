"""Calls without another process: the service is opened here, as a command with --no-daemon does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sophia_cli import correlation
from sophia_cli.api.memories import Memories
from sophia_cli.api.results import envelope
from sophia_cli.client.calls import Call
from sophia_cli.config.loading import load
from sophia_cli.config.model import Config
from sophia_cli.daemon.foreground import foreground_service
from sophia_cli.errors import Unreachable
from sophia_cli.home import Home


class InProcess:
    """A service of our own, opened by the first call. Threads may share it.

    Args:
        config: a configuration, the file of one, or None for the one that a command would have.
    """

    def __init__(self, config: Config | Path | str | None) -> None:
        self._given = config
        self._lock = threading.Lock()
        self._open = contextlib.ExitStack()
        self._memories: Memories | None = None
        self._closed = False

    def __repr__(self) -> str:
        return "InProcess()"

    def send(self, call: Call[Any]) -> Mapping[str, Any]:
        """The envelope of the answer; raises what the API raises."""
        started = time.perf_counter()
        with correlation.request():
            answered = call.local(self._opened())
        return envelope(answered, call.name, (time.perf_counter() - started) * 1000)

    def close(self) -> None:
        """Closes the service, and the engines that nobody else uses."""
        with self._lock:
            self._memories, self._closed = None, True
            self._open.close()

    def _opened(self) -> Memories:
        with self._lock:
            if self._closed:
                raise Unreachable("this client is closed", "make another one")
            if self._memories is None:
                config = self._config()
                service = self._open.enter_context(foreground_service(config, Home.of(os.environ)))
                self._memories = Memories(lambda: contextlib.nullcontext(service), config.recall)
            return self._memories

    def _config(self) -> Config:
        if isinstance(self._given, Config):
            return self._given
        return load(dict(os.environ), {"config": self._given}, Path.cwd()).config


class AsyncInProcess:
    """The same for an event loop: each call in a thread of its own."""

    def __init__(self, config: Config | Path | str | None) -> None:
        self._calls = InProcess(config)

    def __repr__(self) -> str:
        return "InProcess()"

    async def send(self, call: Call[Any]) -> Mapping[str, Any]:
        """See `InProcess.send`."""
        return await asyncio.to_thread(self._calls.send, call)

    async def close(self) -> None:
        """See `InProcess.close`."""
        await asyncio.to_thread(self._calls.close)
