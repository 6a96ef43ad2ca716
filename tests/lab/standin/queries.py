"""Queries of the REST API as the engine takes them, and what it finds as the API gives it."""

from __future__ import annotations

import struct
from typing import Any

import qdrant_edge as engine

from .filters import condition_of, filter_of
from .refusals import bad_json, internal, not_told

Json = Any
DEFAULT_LIMIT = 10
RRF_K = 2
_BM25 = "qdrant/bm25"
_OPTIONS = {"k", "b", "avg_len", "language", "lowercase", "ascii_folding"}
_INFERENCE = "InferenceService URL not configured - please provide valid address in config"
_FOLDS = {"sum": "Sum", "mult": "Mult", "max": "Max", "min": "Min"}
_ONE = {"neg": "Neg", "abs": "Abs", "sqrt": "Sqrt", "exp": "Exp", "ln": "Ln", "log10": "Log10"}


def document(given: Json, query: bool) -> Json:
    """A text as the sparse vector that the server computes of it.

    Raises:
        Refusal: another model than BM25: there is no inference service.
    """
    if str(given.get("model", "")).lower() != _BM25:
        raise internal(_INFERENCE)
    options = given.get("options") or {}
    if unknown := set(options) - _OPTIONS:
        raise not_told(f"BM25 with {', '.join(unknown)}")
    model = engine.Bm25(engine.Bm25Config(**options))
    made = model.embed_query(given["text"]) if query else model.embed_document(given["text"])
    return {"indices": list(made.indices), "values": list(made.values)}


def is_document(given: Json) -> bool:
    return isinstance(given, dict) and "text" in given and "model" in given


def vector_of(given: Json) -> Any:
    """A vector in JSON as the engine takes it."""
    if isinstance(given, dict):
        return engine.SparseVector(given["indices"], given["values"])
    return given


def vector_json(found: Any) -> Json:
    """A vector of the engine in JSON."""
    if isinstance(found, dict):
        return {name: vector_json(one) for name, one in found.items()}
    if isinstance(found, engine.SparseVector):
        return {"indices": list(found.indices), "values": list(found.values)}
    return found


def request_of(given: Json) -> engine.QueryRequest:
    """One query, its prefetches with it. Points by id were replaced by their vectors before."""
    return engine.QueryRequest(
        limit=given.get("limit") or DEFAULT_LIMIT,
        offset=given.get("offset") or 0,
        query=scoring(given),
        prefetches=_prefetches(given),
        with_vector=given.get("with_vector") or False,
        with_payload=payload_selector(given.get("with_payload")) or False,
        filter=filter_of(given.get("filter")),
        score_threshold=given.get("score_threshold"),
        params=_params(given.get("params")),
    )


def payload_selector(given: Json) -> Any:
    if isinstance(given, dict):
        if given.get("include") is not None:
            return engine.PayloadSelector.Include(given["include"])
        return engine.PayloadSelector.Exclude(given.get("exclude") or [])
    return given


def prefetches_of(given: Json) -> list[Json]:
    listed = given.get("prefetch") or []
    return listed if isinstance(listed, list) else [listed]


def scoring(given: Json) -> Any:
    """What scores: nearest, fusion, order, formula; None to take points as they come."""
    query, using = given.get("query"), given.get("using") or ""
    if query is None:
        return None
    if not isinstance(query, dict) or "indices" in query:
        return engine.Query.Nearest(vector_of(query), using=using)
    kinds = {key for key, value in query.items() if value is not None}
    if "nearest" in kinds:
        nearest = vector_of(query["nearest"])
        if query.get("mmr") is None:
            return engine.Query.Nearest(nearest, using=using)
        mmr = query["mmr"]
        limit = given.get("limit") or DEFAULT_LIMIT
        return engine.Mmr(
            nearest,
            lambda_=1.0 - mmr.get("diversity", 0.5),
            candidates_limit=mmr.get("candidates_limit") or limit,
            using=using,
        )
    if "fusion" in kinds:
        if query["fusion"] not in ("rrf", "dbsf"):
            raise bad_json(f"unknown variant `{query['fusion']}`, expected `rrf` or `dbsf`")
        return engine.Fusion.Rrf(k=RRF_K) if query["fusion"] == "rrf" else engine.Fusion.Dbsf()
    if "rrf" in kinds:
        return engine.Fusion.Rrf(
            k=query["rrf"].get("k") or RRF_K, weights=query["rrf"].get("weights")
        )
    if "order_by" in kinds:
        return order_of(query["order_by"])
    if "formula" in kinds:
        return engine.Formula(_expression(query["formula"]), query.get("defaults") or {})
    if "sample" in kinds:
        return engine.Sample.Random
    raise not_told(f"a query by {', '.join(sorted(kinds))}")


def order_of(given: Json) -> engine.OrderBy:
    """`order_by`, as a field's name or in full."""
    if isinstance(given, str):
        return engine.OrderBy(given)
    ways = {"asc": engine.Direction.Asc, "desc": engine.Direction.Desc}
    return engine.OrderBy(
        given["key"], ways.get(given.get("direction") or ""), given.get("start_from")
    )


def hit_json(hit: engine.ScoredPoint, asked: Json) -> Json:
    found = {"id": id_json(hit.id), "version": hit.version, "score": shortest(hit.score)}
    return found | _contents(hit, asked) | _order_value(hit)


def shortest(number: float) -> float:
    """A number of 32 bits in as few digits as tell it apart, as the server prints it."""
    packed = struct.pack("f", number)
    for digits in range(6, 10):
        candidate = float(f"{number:.{digits}g}")
        if struct.pack("f", candidate) == packed:
            return candidate
    return number


def record_json(record: engine.Record, asked: Json) -> Json:
    return {"id": id_json(record.id)} | _contents(record, asked) | _order_value(record)


def id_json(found: Any) -> int | str:
    return found if isinstance(found, int) else str(found)


def _contents(found: Any, asked: Json) -> Json:
    contents: Json = {}
    if asked.get("with_payload"):
        contents["payload"] = found.payload or {}
    if asked.get("with_vector"):
        contents["vector"] = vector_json(found.vector)
    return contents


def _order_value(found: Any) -> Json:
    return {} if found.order_value is None else {"order_value": found.order_value}


def _prefetches(given: Json) -> list[engine.Prefetch] | None:
    return [
        engine.Prefetch(
            limit=one.get("limit") or DEFAULT_LIMIT,
            query=scoring(one),
            prefetches=_prefetches(one),
            params=_params(one.get("params")),
            filter=filter_of(one.get("filter")),
            score_threshold=one.get("score_threshold"),
        )
        for one in prefetches_of(given)
    ] or None


def _params(given: Json) -> engine.SearchParams | None:
    if not given:
        return None
    quantization = given.get("quantization")
    return engine.SearchParams(
        hnsw_ef=given.get("hnsw_ef"),
        exact=bool(given.get("exact")),
        indexed_only=bool(given.get("indexed_only")),
        quantization=None
        if not quantization
        else engine.QuantizationSearchParams(
            ignore=bool(quantization.get("ignore")),
            rescore=quantization.get("rescore"),
            oversampling=quantization.get("oversampling"),
        ),
    )


def _expression(given: Json) -> Any:
    if isinstance(given, int | float):
        return engine.Expression.Constant(float(given))
    if isinstance(given, str):
        return engine.Expression.Variable(given)
    if {"key", "must", "should", "must_not", "has_id"} & set(given):
        return engine.Expression.Condition(condition_of(given))
    [(name, value)] = given.items()
    if name in _FOLDS:
        return getattr(engine.Expression, _FOLDS[name])([_expression(one) for one in value])
    if name in _ONE:
        return getattr(engine.Expression, _ONE[name])(_expression(value))
    raise not_told(f"a formula with {name}")
