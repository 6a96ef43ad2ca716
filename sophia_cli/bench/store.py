"""Stores to measure on: a real service on the embedded engines, in a home of its own."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sophia_cli.assembly import open_service
from sophia_cli.bench.texts import turns
from sophia_cli.config.model import Config
from sophia_cli.home import Home
from sophia_cli.memory.ports import Embedder
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.words import embedded_text

_BATCH = 64
_EMBEDDED = 1000
_AROUND = 0.03


class MadeUp:
    """Vectors near those of a thousand embedded turns, to fill a store without its model.

    What a search costs does not depend on them, and a hundred thousand memories are stored in two
    minutes instead of twenty. Everything else is embedded as always.
    """

    def __init__(self) -> None:
        self.on = False

    def __call__(self, embedder: Embedder) -> Embedder:
        """The embedder that makes them up while `on`."""
        return _MakingUp(embedder, self)

    @contextlib.contextmanager
    def filling(self) -> Iterator[None]:
        """While a store is filled."""
        self.on = True
        try:
            yield
        finally:
            self.on = False


class _MakingUp:
    def __init__(self, embedder: Embedder, made_up: MadeUp) -> None:
        self._embedder = embedder
        self._made_up = made_up
        self._chance = np.random.default_rng(1)

    @property
    def model(self) -> str:
        return self._embedder.model

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not self._made_up.on:
            return self._embedder.embed(texts)
        near = self._known[self._chance.integers(len(self._known), size=len(texts))]
        made = near + _AROUND * self._chance.standard_normal(near.shape)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)

    def close(self) -> None:
        self._embedder.close()

    @cached_property
    def _known(self) -> NDArray[np.float32]:
        return self._embedder.embed([embedded_text(draft) for draft in turns(_EMBEDDED)])


@contextlib.contextmanager
def fresh_home() -> Iterator[Home]:
    """An empty home, removed afterwards. Under /tmp: a socket's path must be short."""
    root = Path(tempfile.mkdtemp(prefix="sophia-bench-", dir="/tmp"))
    try:
        yield Home(root / "home")
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def fresh_service(
    config: Config | None = None, made_up: MadeUp | None = None
) -> Iterator[MemoryService]:
    """A service over an empty store; its engines end with it."""
    with fresh_home() as home, service_in(home, config or Config(), made_up) as service:
        yield service


@contextlib.contextmanager
def service_in(
    home: Home, config: Config, made_up: MadeUp | None = None
) -> Iterator[MemoryService]:
    """A service over the store of a home, with the embedder and the search of a configuration.

    Servers that it names are left out: what is measured is this machine, and nobody's memories
    are touched.
    """
    measured = Config(embedding=config.embedding, recall=config.recall)
    opened = open_service(measured, home, through=made_up or MadeUp())
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
