"""The texts that every peer is given: one to embed, one for its search by words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import qdrant_edge
from numpy.typing import NDArray

from sophia_cli.config.model import Config
from sophia_cli.memory.model import Draft

CANDIDATES = Config().recall.candidates
"""How many each half of a hybrid brings before they are fused: sophia's own default."""


def meant(draft: Draft) -> str:
    """The text that is embedded: who said it, and what."""
    return f"{draft.speaker}: {draft.content}" if draft.speaker else draft.content


def worded(draft: Draft) -> str:
    """The text of a search by words: the same, and the date as people write it."""
    date = draft.said_at
    return f"{meant(draft)}\n{date:%A} {date.day} {date:%B %Y}" if date else meant(draft)


@dataclass(frozen=True, slots=True)
class Sparse:
    """A sparse vector with the attributes of fastembed's."""

    indices: NDArray[np.uint32]
    values: NDArray[np.float32]


class Bm25Encoder:
    """BM25 as Qdrant computes it (English stemmer and stop words), with fastembed's interface.

    fastembed downloads its stop words when it is first used; this one needs no network.

    Args:
        options: of `qdrant_edge.Bm25Config`; `k` and `b` are 1.2 and 0.75 by default.
    """

    def __init__(self, **options: Any) -> None:
        self._model = qdrant_edge.Bm25(qdrant_edge.Bm25Config(language="english", **options))

    def embed(self, documents: Iterable[str]) -> Iterator[Sparse]:
        """The words of each document, with their saturated frequencies."""
        for text in documents:
            yield _sparse(self._model.embed_document(text))

    def query_embed(self, query: str) -> Sparse:
        """The words of a question, each with weight 1."""
        return _sparse(self._model.embed_query(query))


def _sparse(vector: qdrant_edge.SparseVector) -> Sparse:
    return Sparse(np.array(vector.indices, np.uint32), np.array(vector.values, np.float32))
