"""What is asked of the engine in process: the best by a signal, compared in full or by codes.

Beside each vector stands a code of four bits a dimension (TurboQuant), written with it. To compare
all vectors of a collection in full is a pass over 1.5 kB a point; over the codes it takes a fifth
of the time.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import qdrant_edge as engine

from sophia_cli.memory.model import SIGNALS, Vector, Where
from sophia_cli.tiers.vectors.names import DENSE, SCOPE, TIME
from sophia_cli.tiers.vectors.schema import matches, span

EXACT_UP_TO = 4_000
"""Points of a collection up to which vectors are compared in full; past it by their codes."""


def candidates_request(
    signal: str,
    query: Vector | engine.SparseVector,
    wanted: engine.Filter | None,
    limit: int,
    population: int,
) -> engine.QueryRequest:
    """The best `limit` by one signal, ids and scores alone.

    In a collection past `EXACT_UP_TO` vectors are compared by their codes, whose cosines are off by
    0.004 on average and by 0.016 at most. Recall on the LoCoMo development set is the same: R@5 /
    R@10 of 80.5 / 86.3, in full 80.3 / 86.3. To correct them would read a page from anywhere in
    the large files for each, and those are not in memory.
    """
    by_codes = signal in DENSE and population > EXACT_UP_TO
    compared = engine.QuantizationSearchParams(ignore=not by_codes, rescore=False)
    return _request(signal, query, wanted, limit, compared)


def own_request(query: Vector, ids: Collection[UUID], population: int) -> engine.QueryRequest:
    """The cosine of the memories' own texts for these of them, compared as candidates are."""
    wanted = engine.Filter(must=[engine.HasIdCondition(set(ids))])
    return candidates_request(SIGNALS[0], query, wanted, len(ids), population)


def nearest_request(
    query: Vector, wanted: engine.Filter | None, limit: int, population: int
) -> engine.QueryRequest:
    """The best `limit` by meaning with their true cosines.

    In a collection past `EXACT_UP_TO`, the codes choose twice as many, which are compared in full.
    """
    compared = engine.QuantizationSearchParams(
        ignore=population <= EXACT_UP_TO, rescore=True, oversampling=2.0
    )
    return _request("dense", query, wanted, limit, compared)


def _request(
    signal: str,
    query: Vector | engine.SparseVector,
    wanted: engine.Filter | None,
    limit: int,
    compared: engine.QuantizationSearchParams,
) -> engine.QueryRequest:
    numbers = query if isinstance(query, engine.SparseVector) else query.tolist()
    return engine.QueryRequest(
        limit=limit,
        query=engine.Query.Nearest(numbers, using=signal),
        filter=wanted,
        params=engine.SearchParams(quantization=compared),
        with_payload=False,
        with_vector=False,
    )


def condition(where: Where) -> engine.Filter | None:
    """A filter as the engine takes it; None when everything is wanted."""
    must: list[engine.FieldCondition] = [
        engine.FieldCondition(key=SCOPE, match=engine.MatchValue(value=f"{name}={value}"))
        for name, value in matches(where)
    ]
    start, end = span(where)
    if start is not None or end is not None:
        must.append(engine.FieldCondition(key=TIME, range=engine.RangeFloat(gte=start, lt=end)))
    return engine.Filter(must=list(must)) if must else None
