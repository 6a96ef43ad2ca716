"""Dense alone: the cosine of the question with every turn of the user, exactly, in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from peers.protocol import Peer
from peers.words import meant

from sophia_cli.memory.model import Draft
from sophia_cli.memory.ports import Embedder


@contextlib.contextmanager
def opened(embedder: Embedder, directory: Path) -> Iterator[Peer]:  # noqa: ARG001
    """Opens it: an array a user."""
    yield _Dense(embedder)


class _Dense:
    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str | None, np.ndarray] = {}

    def store(self, drafts: Sequence[Draft]) -> list[tuple[str | None, int]]:
        user = drafts[0].user
        vectors = self._embedder.embed([meant(draft) for draft in drafts])
        before = self._vectors.get(user, vectors[:0])
        self._vectors[user] = np.concatenate([before, vectors])
        return [(user, len(before) + place) for place in range(len(drafts))]

    def recall(self, question: str, user: str, k: int) -> list[tuple[str, int]]:
        scores = self._vectors[user] @ self._embedder.embed([question])[0]
        return [(user, int(place)) for place in np.argsort(-scores, kind="stable")[:k]]
