"""BM25 as sparse vectors: of a text, and of a text together with the turns around it.

Computed in this process for the engine and for the servers alike: `qdrant_edge.Bm25` is the
servers' own arithmetic. The vectors hold the saturated term frequencies; the idf comes from the
collection, at the search.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

import qdrant_edge as engine

from sophia_cli.memory.model import NEARNESS
from sophia_cli.tiers.vectors.schema import AVERAGE_WORDS, BM25_B, BM25_K1, BM25_LANGUAGE, encodable

_SATURATION = 0.5
"""At what sum over the turns a word counts half; the optimum is flat from 0.3 to 0.7."""

_MODEL = engine.Bm25(
    engine.Bm25Config(
        k=BM25_K1,
        b=BM25_B,
        avg_len=AVERAGE_WORDS,
        language=BM25_LANGUAGE,
        lowercase=True,
        ascii_folding=True,
    )
)


def asked(text: str) -> engine.SparseVector:
    """The words of a question, each with weight 1."""
    return _MODEL.embed_query(encodable(text))


def of_text(text: str) -> engine.SparseVector:
    """A text's words, each with its saturated frequency."""
    return _MODEL.embed_document(encodable(text))


def in_context(text: str, around: Mapping[int, str]) -> engine.SparseVector:
    """The words of a text and of the turns around it, nearer ones counting more.

    The weighted sum of a word's frequencies over the turns is saturated once more, as BM25F does
    over fields (Robertson, Zaragoza, Taylor 2004): a word that stands in the turn before counts
    nearly as much as in the turn itself, and one that stands in all of them little more.
    """
    sums: defaultdict[int, float] = defaultdict(float)
    for weight, words in [(1.0, text), *((NEARNESS[place], around[place]) for place in around)]:
        for index, value in _terms(words):
            sums[index] += weight * value
    values = [total / (total + _SATURATION) for total in sums.values()]
    return engine.SparseVector(indices=list(sums), values=values)


@lru_cache(maxsize=512)
def _terms(text: str) -> tuple[tuple[int, float], ...]:
    """A turn is in the context of four others, which are mostly indexed together."""
    vector = of_text(text)
    return tuple(zip(vector.indices, vector.values, strict=True))
