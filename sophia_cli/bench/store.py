"""Stores to measure on: a real service on the embedded engines, in a home of its own."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sophia_cli.assembly import open_service
from sophia_cli.bench.texts import turns
from sophia_cli.config.model import Config
from sophia_cli.home import Home
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace

_BATCH = 64


@contextlib.contextmanager
def fresh_home() -> Iterator[Home]:
    """An empty home, removed afterwards. Under /tmp: a socket's path must be short."""
    root = Path(tempfile.mkdtemp(prefix="sophia-bench-", dir="/tmp"))
    try:
        yield Home(root / "home")
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def fresh_service(config: Config | None = None) -> Iterator[MemoryService]:
    """A service over an empty store; its engines end with it."""
    with fresh_home() as home, service_in(home, config or Config()) as service:
        yield service


@contextlib.contextmanager
def service_in(home: Home, config: Config) -> Iterator[MemoryService]:
    """A service over the store of a home, with the embedder and the search of a configuration.

    Servers that it names are left out: what is measured is this machine, and nobody's memories
    are touched.
    """
    opened = open_service(Config(embedding=config.embedding, recall=config.recall), home)
    try:
        yield opened.service
    finally:
        opened.close()


def fill(service: MemoryService, memories: int, advance: Callable[[int], None]) -> None:
    """Stores so many made-up turns; `advance` is told of each batch."""
    drafts = turns(memories)
    now = datetime.now(UTC)
    while batch := list(itertools.islice(drafts, _BATCH)):
        service.remember(batch, now, Trace())
        advance(len(batch))
