"""Entries, filters and queries as the Qdrant client takes them.

BM25 of a text is computed by the server: its built-in `qdrant/bm25` has the tokenizer and the
arithmetic of `qdrant_edge.Bm25`, and takes the same options over REST and gRPC. What a turn's
context weighs no server knows: that vector is made here, from the same model.
"""

from __future__ import annotations

from qdrant_client import models

from sophia_cli.memory.model import IndexEntry, Vector, Where
from sophia_cli.tiers.vectors import sparse
from sophia_cli.tiers.vectors.schema import (
    AVERAGE_WORDS,
    BM25_B,
    BM25_K1,
    BM25_LANGUAGE,
    FACT_FIELDS,
    SPARSE,
    TIME,
    encodable,
    matches,
    payload,
    span,
    whole,
)


def document(text: str) -> models.Document:
    """A text that the server turns into a sparse vector."""
    return models.Document(
        text=encodable(text),
        model="qdrant/bm25",
        options={
            "k": BM25_K1,
            "b": BM25_B,
            "avg_len": AVERAGE_WORDS,
            "language": BM25_LANGUAGE,
            "lowercase": True,
            "ascii_folding": True,
        },
    )


def point(entry: IndexEntry) -> models.PointStruct:
    """An entry as a point."""
    context = sparse.in_context(entry.text, entry.around)
    return models.PointStruct(
        id=str(entry.id),
        vector={
            "dense": entry.dense.tolist(),
            "context": entry.context.tolist(),
            "bm25": document(entry.text),
            "bm25_context": models.SparseVector(indices=context.indices, values=context.values),
        },
        payload=payload(entry) | whole(entry),
    )


def query(signal: str, dense: Vector, text: str) -> list[float] | models.Document:
    """What a signal is asked with."""
    return document(text) if signal in SPARSE else dense.tolist()


def condition(where: Where) -> models.Filter | None:
    """A filter; None when everything is wanted."""
    must: list[models.Condition] = [
        models.FieldCondition(key=name, match=models.MatchValue(value=value))
        for name, value in matches(where)
    ]
    start, end = span(where)
    if start is not None or end is not None:
        must.append(models.FieldCondition(key=TIME, range=models.Range(gte=start, lt=end)))
    return models.Filter(must=must) if must else None


def request(
    signal: str,
    asked: list[float] | models.Document,
    wanted: models.Filter | None,
    limit: int,
    with_facts: bool = False,
) -> models.QueryRequest:
    """One search of a batch; `with_facts` brings what ranking knows of each hit."""
    return models.QueryRequest(
        query=asked,
        using=signal,
        filter=wanted,
        limit=limit,
        with_payload=list(FACT_FIELDS) if with_facts else False,
        with_vector=False,
    )
