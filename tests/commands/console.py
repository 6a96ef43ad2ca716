"""Runs command lines in process, the way the resident process does, on one open service."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sophia_cli.app import run
from sophia_cli.config.model import Config
from sophia_cli.environment import Environment, utc_now
from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home
from sophia_cli.memory.service import MemoryService


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command line came to."""

    status: ExitStatus
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def data(self) -> list[dict[str, Any]]:
        """The results of --json."""
        found: list[dict[str, Any]] = self.envelope["data"]
        return found


@dataclass(slots=True)
class Console:
    """A user at a pipe (or a terminal, with `terminal`) before one service.

    Attributes:
        now: the clock of every command.
        cancelled: set it, and the user has interrupted every command.
        ending: whether the process that runs the commands is to end.
    """

    service: MemoryService
    home: Home
    cwd: Path
    now: Callable[[], datetime] = utc_now
    variables: dict[str, str] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)
    ending: Callable[[], bool] = lambda: False

    def __call__(
        self,
        *arguments: str,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
        terminal: bool = False,
    ) -> Ended:
        """Runs one command line, with the streams that the resident process would make."""
        out, err = _Output(terminal), _Output(terminal)
        environment = Environment(
            _Input(stdin, terminal),
            out,
            err,
            self.cwd,
            {"SOPHIA_HOME": str(self.home.root), **self.variables, **(variables or {})},
            self.now,
            self.cancelled,
            resident=True,
            ending=self.ending,
        )
        status = run(arguments, environment, self._open)
        return Ended(ExitStatus(status), out.written(), err.written())

    def ok(self, *arguments: str, **more: Any) -> Ended:
        """Runs one that must succeed."""
        ended = self(*arguments, **more)
        assert ended.status is ExitStatus.OK, (arguments, ended)
        return ended

    def data(self, *arguments: str, **more: Any) -> list[dict[str, Any]]:
        """The results of one that must succeed."""
        return self.ok("--json", *arguments, **more).data

    def remember(self, text: str, *options: str) -> str:
        """Stores a memory; returns its id."""
        return str(self.data("remember", text, *options)[0]["id"])

    @contextlib.contextmanager
    def _open(self, config: Config) -> Iterator[MemoryService]:
        yield self.service


class _Input(io.TextIOWrapper):
    def __init__(self, content: bytes, terminal: bool) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8", errors="surrogateescape")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


class _Output(io.TextIOWrapper):
    def __init__(self, terminal: bool) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding="utf-8", errors="backslashreplace")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def written(self) -> str:
        self.flush()
        return self._bytes.getvalue().decode()
