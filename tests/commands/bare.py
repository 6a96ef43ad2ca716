"""Runs command lines that need no memory: asking for one fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from sophia_cli.home import Home
from sophia_cli.memory.service import MemoryService
from tests.commands.console import Console


class _NoMemory:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a command without a memory asked for its {name}")


def bare_console(home: Path, cwd: Path) -> Console:
    """A user in `cwd` whose home is not made."""
    return Console(cast(MemoryService, _NoMemory()), Home(home), cwd)
