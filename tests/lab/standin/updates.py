"""Changes of points: checked as the server checks them, and as the engine takes them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import qdrant_edge as engine

from .filters import filter_of
from .queries import document, is_document, vector_of
from .refusals import bad_json, wrong_input

Json = Any


def check_id(given: Json) -> None:
    """Refuses what is no point id."""
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return
    try:
        uuid.UUID(str(given))
    except ValueError:
        raise bad_json(
            f"value {given} is not a valid point ID, "
            "valid values are either an unsigned integer or a UUID"
        ) from None


def checked_point(given: Json, config: Json) -> Json:
    """A point with its texts made vectors.

    Raises:
        Refusal: an id, a vector's name or a dimension that is wrong; in the server's words.
    """
    if not isinstance(given, dict) or "id" not in given:
        raise bad_json("missing field `id`")
    check_id(given["id"])
    return {
        "id": _canonical(given["id"]),
        "vector": checked_vectors(given.get("vector") or {}, config),
        "payload": given.get("payload") or {},
    }


def checked_vectors(given: Json, config: Json) -> Json:
    """The vectors of a point by name, checked against the collection."""
    params = config["params"]
    dense = params.get("vectors") or {}
    dense = {"": dense} if "size" in dense else dense
    sparse = params.get("sparse_vectors") or {}
    named = given if isinstance(given, dict) and not is_document(given) else {"": given}
    checked = {}
    for name, vector in named.items():
        if name not in dense and name not in sparse:
            raise wrong_input(f"Not existing vector name error: {name}")
        if is_document(vector):
            vector = document(vector, query=False)
        if name in dense:
            if not isinstance(vector, list):
                raise wrong_input(
                    f"Conversion between sparse and regular vectors failed for {name}"
                )
            if len(vector) != dense[name]["size"]:
                raise wrong_input(
                    f"Vector dimension error: expected dim: {dense[name]['size']}, "
                    f"got {len(vector)}" + (f" for vector '{name}'" if name else "")
                )
        checked[name] = vector
    return checked


def points_of_batch(given: Json) -> list[Json]:
    """The column form of an upsert as a list of points."""
    ids, vectors = given["ids"], given["vectors"]
    payloads = given.get("payloads") or [None] * len(ids)
    by_point = (
        [{name: rows[at] for name, rows in vectors.items()} for at in range(len(ids))]
        if isinstance(vectors, dict)
        else vectors
    )
    return [
        {"id": one, "vector": vector, "payload": payload}
        for one, vector, payload in zip(ids, by_point, payloads, strict=True)
    ]


def operation_of(op: Json) -> engine.UpdateOperation:
    """An operation on one shard as the engine takes it."""
    kind, update = op["kind"], engine.UpdateOperation
    ids = op.get("points")
    wanted = filter_of(op.get("filter")) or engine.Filter()
    if kind == "upsert":
        return update.upsert_points(
            [
                engine.Point(
                    one["id"],
                    {name: vector_of(vector) for name, vector in one["vector"].items()},
                    one["payload"],
                )
                for one in op["points"]
            ]
        )
    if kind == "update_vectors":
        return update.update_vectors(
            [
                engine.PointVectors(
                    one["id"], {name: vector_of(vector) for name, vector in one["vector"].items()}
                )
                for one in op["points"]
            ]
        )
    if kind == "delete":
        return update.delete_points_by_filter(wanted) if ids is None else update.delete_points(ids)
    if kind in ("set_payload", "overwrite_payload"):
        by_filter = "_by_filter" if ids is None else ""
        change: Callable[..., engine.UpdateOperation] = getattr(update, kind + by_filter)
        return change(wanted if ids is None else ids, op["payload"], op.get("key"))
    if kind == "delete_payload":
        if ids is None:
            return update.delete_payload_by_filter(wanted, op["keys"])
        return update.delete_payload(ids, op["keys"])
    if kind == "clear_payload":
        return update.clear_payload_by_filter(wanted) if ids is None else update.clear_payload(ids)
    if kind == "delete_vectors":
        if ids is None:
            return update.delete_vectors_by_filter(wanted, op["names"])
        return update.delete_vectors(ids, op["names"])
    raise ValueError(f"no such operation: {kind}")


def schema_of(schema: Json) -> Any:
    """A payload index as the engine takes it; where it is kept in memory is left out."""
    kind = schema["type"]
    if kind == "keyword":
        return engine.KeywordIndexParams(is_tenant=schema.get("is_tenant"))
    if kind == "integer":
        lookup, ranged = schema.get("lookup"), schema.get("range")
        return engine.IntegerIndexParams(lookup=lookup, range=ranged)
    return getattr(engine.PayloadSchemaType, kind.capitalize())


def _canonical(given: Json) -> int | str:
    return given if isinstance(given, int) else str(uuid.UUID(given))
