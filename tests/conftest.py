"""The program as its users run it: the real client, a home of its own, and an end to all of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.daemon.presence import running
from sophia_cli.home import Home

# A shell that starts the tests in the background has them ignore SIGINT, and all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

SOPHIA = Path(sys.executable).with_name("sophia")
HANGS_AFTER = 60.0


@dataclass(slots=True)
class Sophia:
    """Runs `sophia` in one home, with nothing of this process's configuration.

    A command that hangs is ended and raises `subprocess.TimeoutExpired`.
    """

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: str | bytes, timeout: float = HANGS_AFTER, **settings: Any
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command line to its end."""
        settings = (
            {"stdin": subprocess.DEVNULL, **settings} if "input" not in settings else settings
        )
        return subprocess.run(
            [SOPHIA, *arguments],
            env=self.environment(settings.pop("env", {})),
            timeout=timeout,
            **{"capture_output": "stdout" not in settings, "text": True, **settings},
        )

    def start(self, *arguments: str, **settings: Any) -> subprocess.Popen[str]:
        """Starts a command line; whatever becomes of it, the fixture ends it."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [SOPHIA, *arguments],
            env=self.environment(settings.pop("env", {})),
            **{"stdin": pipe, "stdout": pipe, "stderr": pipe, "text": True, **settings},
        )

    def data(self, *arguments: str, **settings: Any) -> list[dict[str, Any]]:
        """The `data` of a command that must succeed."""
        ended = self("--json", *arguments, **settings)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        found: list[dict[str, Any]] = json.loads(ended.stdout)["data"]
        return found

    def contents(self) -> list[str]:
        """What every memory says, the newest first."""
        return [memory["content"] for memory in self.data("list", "-n", "1000")]

    def resident(self) -> int:
        """The process id of the resident process; 0 when none runs."""
        resident = running(Home(self.home))
        return resident.pid if resident else 0

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The variables of a command."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SOPHIA_", "XDG_")) and name not in ("NO_COLOR", "COLUMNS")
        }
        return {**kept, "SOPHIA_HOME": str(self.home), **self.variables, **more}


def wait_until(holds: Callable[[], object], timeout: float = 20.0) -> None:
    """Waits for something that another process brings about; fails when it does not."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def processes_of(home: Path) -> list[int]:
    """The processes that name this home in their variables or arguments, or stand in it."""
    name = os.fsencode(home)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if (
                    b"SOPHIA_HOME=" + name in (entry / "environ").read_bytes()
                    or name in (entry / "cmdline").read_bytes()
                    or (entry / "cwd").readlink().is_relative_to(home)
                ):
                    found.append(int(entry.name))
    return found


def end_processes_of(home: Path) -> None:
    """Ends every process of a home by force, frozen ones too."""
    deadline = time.monotonic() + 20.0
    while (found := processes_of(home)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


@contextlib.contextmanager
def temporary_home() -> Iterator[Path]:
    """A directory under /tmp with room for a home, emptied of processes and removed at the end."""
    root = Path(tempfile.mkdtemp(prefix="sophia-test-", dir="/tmp"))
    try:
        yield root / "home"
    finally:
        end_processes_of(root)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that is not there yet, with a path short enough for sockets."""
    with temporary_home() as path:
        yield path


@pytest.fixture
def sophia(home: Path) -> Sophia:
    """The real client in a home of its own."""
    return Sophia(home)
