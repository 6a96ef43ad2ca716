"""Stores for benchmarks: a real service on real engines, in a home of its own."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sophia_cli.assembly import open_service
from sophia_cli.config.model import Config
from sophia_cli.home import Home
from sophia_cli.memory.service import MemoryService


@contextlib.contextmanager
def fresh_home() -> Iterator[Home]:
    """An empty home, removed afterwards."""
    root = Path(tempfile.mkdtemp(prefix="sophia-bench-", dir="/tmp"))
    try:
        yield Home(root / "home")
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def fresh_service() -> Iterator[MemoryService]:
    """A service over an empty store; its engines end with it."""
    with fresh_home() as home:
        opened = open_service(Config(), home)
        try:
            yield opened.service
        finally:
            opened.close()
