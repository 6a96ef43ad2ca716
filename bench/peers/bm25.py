"""BM25 alone: the library bm25s with the Snowball stemmer and its long English stop list."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import bm25s
import Stemmer
from peers.protocol import Peer
from peers.words import worded

from sophia_cli.memory.model import Draft
from sophia_cli.memory.ports import Embedder

_K1, _B = 1.2, 0.75


@contextlib.contextmanager
def opened(embedder: Embedder, directory: Path) -> Iterator[Peer]:  # noqa: ARG001
    """Opens it: an index a user, in memory."""
    yield _Bm25()


class _Bm25:
    def __init__(self) -> None:
        self._stemmer = Stemmer.Stemmer("english")
        self._words: defaultdict[str | None, list[list[str]]] = defaultdict(list)
        self._indexes: dict[str | None, bm25s.BM25] = {}

    def store(self, drafts: Sequence[Draft]) -> list[tuple[str | None, int]]:
        """An index cannot grow: it is made anew of all the user's turns."""
        user = drafts[0].user
        words = self._words[user]
        before = len(words)
        words += self._tokens([worded(draft) for draft in drafts])
        self._indexes[user] = bm25s.BM25(k1=_K1, b=_B)
        self._indexes[user].index(words, show_progress=False)
        return [(user, before + place) for place in range(len(drafts))]

    def recall(self, question: str, user: str, k: int) -> list[tuple[str, int]]:
        (tokens,) = self._tokens([question])
        if not tokens:
            return []
        depth = min(k, len(self._words[user]))
        places, scores = self._indexes[user].retrieve([tokens], k=depth, show_progress=False)
        found = zip(places[0].tolist(), scores[0].tolist(), strict=True)
        return [(user, place) for place, score in found if score > 0]

    def _tokens(self, texts: list[str]) -> list[list[str]]:
        tokens: list[list[str]] = bm25s.tokenize(
            texts,
            stopwords="english_plus",
            stemmer=self._stemmer,
            return_ids=False,
            show_progress=False,
        )
        return tokens
