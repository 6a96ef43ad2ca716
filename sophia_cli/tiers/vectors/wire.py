"""Entries, filters and queries as the Qdrant client takes them.

BM25 is computed by the server: its built-in `qdrant/bm25` has the tokenizer and the arithmetic of
`qdrant_edge.Bm25`, and takes the same options over REST and gRPC.
"""

from __future__ import annotations

from qdrant_client import models

from sophia_cli.memory.model import IndexEntry, Vector, Where
from sophia_cli.tiers.vectors.schema import (
    BM25_B,
    BM25_K1,
    BM25_LANGUAGE,
    PLACE,
    SPARSE,
    TIME,
    encodable,
    matches,
    payload,
    span,
)


def document(signal: str, text: str) -> models.Document:
    """A text that the server turns into the sparse vector `signal`."""
    return models.Document(
        text=encodable(text),
        model="qdrant/bm25",
        options={
            "k": BM25_K1,
            "b": BM25_B,
            "avg_len": SPARSE[signal],
            "language": BM25_LANGUAGE,
            "lowercase": True,
            "ascii_folding": True,
        },
    )


def point(entry: IndexEntry) -> models.PointStruct:
    """An entry as a point."""
    return models.PointStruct(
        id=str(entry.id),
        vector={
            "dense": entry.dense.tolist(),
            "context": entry.context.tolist(),
            "bm25": document("bm25", entry.text),
            "bm25_context": document("bm25_context", entry.context_text),
        },
        payload=payload(entry),
    )


def query(signal: str, dense: Vector, text: str) -> list[float] | models.Document:
    """What a signal is asked with."""
    return document(signal, text) if signal in SPARSE else dense.tolist()


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
    with_place: bool = False,
) -> models.QueryRequest:
    """One search of a batch; `with_place` brings the session and the turn of each hit."""
    return models.QueryRequest(
        query=asked,
        using=signal,
        filter=wanted,
        limit=limit,
        with_payload=list(PLACE) if with_place else False,
        with_vector=False,
    )
