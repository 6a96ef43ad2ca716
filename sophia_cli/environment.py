"""What a command needs from outside, as one injectable object: streams, cwd, variables, clock.

A command never reads `sys.stdout`, `os.environ` or the clock itself. So the resident process can
run it for a client, with the client's own streams, and a test can run it with its own.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from sophia_cli.errors import Interrupted, Unreachable
from sophia_cli.locations import working_directory

# How often who waits looks whether the process that runs it is to end, seconds.
_LOOK_UP = 0.1


def utc_now() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Environment:
    """Streams, working directory, variables and clock of one command.

    Attributes:
        cancelled: set when the user interrupts or the client goes away; long work asks
            `check_cancelled` between steps.
        resident: whether the resident process runs this command for a client.
        ending: whether the process that runs the command is to end: what has no end of its own
            stops then, and `cancelled` need not come first.
    """

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    cwd: Path
    variables: Mapping[str, str]
    now: Callable[[], datetime] = utc_now
    cancelled: threading.Event = field(default_factory=threading.Event)
    resident: bool = False
    ending: Callable[[], bool] = lambda: False

    @classmethod
    def of_this_process(cls) -> Environment:
        """The environment of a command that runs in the foreground."""
        return cls(
            _utf8(sys.stdin, "r", "surrogateescape"),
            _utf8(sys.stdout, "w", "backslashreplace"),
            _utf8(sys.stderr, "w", "backslashreplace"),
            Path(working_directory(os.environ)),
            dict(os.environ),
        )

    def path(self, given: str | Path) -> Path:
        """A path as the user meant it: relative to their working directory, `~` their home."""
        text = str(given)
        if text == "~" or text.startswith("~/"):
            text = self.variables.get("HOME", "~") + text[1:]
        return self.cwd / text

    def check_cancelled(self) -> None:
        """Raises `Interrupted` once the user has stopped the command."""
        if self.cancelled.is_set():
            raise Interrupted("interrupted", "what was done before stays; run it again to go on")

    def wait(self, seconds: float) -> None:
        """Waits, in a command that has no end of its own.

        Raises:
            Interrupted: the user has seen enough, or is gone.
            Unreachable: the process that runs the command is to end.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self.cancelled.wait(min(left, _LOOK_UP)):
                raise Interrupted("interrupted")
            if self.ending():
                raise Unreachable("the resident process is ending", "run it again")


def _utf8(stream: TextIO | None, mode: str, errors: str) -> TextIO:
    """A stream that takes any text in any locale; an empty one where the user closed it."""
    if stream is None:
        return Path(os.devnull).open(mode, encoding="utf-8")  # type: ignore[return-value]
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors=errors)
    return stream
