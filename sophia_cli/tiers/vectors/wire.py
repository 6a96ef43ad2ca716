"""Entries, filters and queries as the Qdrant client takes them.

What the words of a turn and of its context weigh no server knows: their vectors are made here, with
the engine's own tokenizer, for entries and for questions alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qdrant_client import models

from sophia_cli.memory.model import IndexEntry, Vector, Where
from sophia_cli.tiers.vectors import sparse
from sophia_cli.tiers.vectors.names import FACT_FIELDS, SPARSE, TIME
from sophia_cli.tiers.vectors.schema import matches, payload, span, whole
from sophia_cli.tiers.vectors.seal import sealed


def point(entry: IndexEntry) -> models.PointStruct:
    """An entry as a point."""
    context = sparse.in_context(entry.text, entry.around)
    return models.PointStruct(
        id=str(entry.id),
        vector={
            "dense": entry.dense.tolist(),
            "context": entry.context.tolist(),
            "bm25_context": models.SparseVector(indices=context.indices, values=context.values),
        },
        payload=payload_of(entry),
    )


def payload_of(entry: IndexEntry) -> dict[str, Any]:
    """What a server stores beside the vectors of an entry."""
    return sealed(payload(entry) | whole(entry), entry)


def query(signal: str, dense: Vector, text: str) -> list[float] | models.SparseVector:
    """What a signal is asked with."""
    if signal not in SPARSE:
        numbers: list[float] = dense.tolist()
        return numbers
    words = sparse.asked(text)
    return models.SparseVector(indices=words.indices, values=words.values)


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


def only(ids: Sequence[str]) -> models.Filter:
    """A filter for these points."""
    return models.Filter(must=[models.HasIdCondition(has_id=list(ids))])


def request(
    signal: str,
    asked: list[float] | models.SparseVector,
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
