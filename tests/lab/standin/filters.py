"""Filters of the REST API as the engine takes them. What is not known here is refused with 501."""

from __future__ import annotations

from typing import Any

import qdrant_edge as engine

from .refusals import bad_json, not_told

Json = Any
_GROUPS = {"must", "should", "must_not", "min_should"}


def filter_of(given: Json) -> engine.Filter | None:
    """A filter; None when there is none."""
    if not given:
        return None
    if unknown := set(given) - _GROUPS:
        raise bad_json(f"unknown field `{sorted(unknown)[0]}` in a filter")
    at_least = given.get("min_should")
    return engine.Filter(
        must=_conditions(given.get("must")),
        should=_conditions(given.get("should")),
        must_not=_conditions(given.get("must_not")),
        min_should=None
        if at_least is None
        else engine.MinShould(_conditions(at_least["conditions"]) or [], at_least["min_count"]),
    )


def keys_of(given: Json) -> list[str]:
    """The payload fields that a filter asks for, nested filters included."""
    keys: list[str] = []
    for group in ("must", "should", "must_not"):
        one_or_more = (given or {}).get(group) or []
        for one in one_or_more if isinstance(one_or_more, list) else [one_or_more]:
            keys += [one["key"]] if "key" in one else keys_of(one)
    return keys


def condition_of(given: Json) -> Any:
    """One condition."""
    if not isinstance(given, dict):
        raise bad_json("data did not match any variant of untagged enum Condition")
    if _GROUPS & set(given):
        return filter_of(given)
    if "has_id" in given:
        return engine.HasIdCondition(set(given["has_id"]))
    if "has_vector" in given:
        return engine.HasVectorCondition(given["has_vector"])
    if isinstance(given.get("is_empty"), dict):
        return engine.IsEmptyCondition(given["is_empty"]["key"])
    if isinstance(given.get("is_null"), dict):
        return engine.IsNullCondition(given["is_null"]["key"])
    if "nested" in given:
        inner = filter_of(given["nested"]["filter"]) or engine.Filter()
        return engine.NestedCondition(given["nested"]["key"], inner)
    if "key" in given:
        return _of_field(given)
    raise bad_json("data did not match any variant of untagged enum Condition")


def _conditions(given: Json) -> list[Any] | None:
    if given is None:
        return None
    return [condition_of(one) for one in (given if isinstance(given, list) else [given])]


def _of_field(given: Json) -> engine.FieldCondition:
    asked = {key: value for key, value in given.items() if value is not None and key != "key"}
    built: dict[str, Any] = {}
    for name, value in asked.items():
        if name == "match":
            built["match"] = _match(value)
        elif name == "range":
            built["range"] = _range(value)
        elif name == "values_count":
            built["values_count"] = engine.ValuesCount(**_present(value))
        elif name in ("is_empty", "is_null"):
            built[name] = value
        else:
            raise not_told(f"a condition by {name}")
    if not built:
        raise bad_json("data did not match any variant of untagged enum Condition")
    return engine.FieldCondition(key=given["key"], **built)


def _match(given: Json) -> Any:
    kinds = {
        "value": engine.MatchValue,
        "text": engine.MatchText,
        "text_any": engine.MatchTextAny,
        "phrase": engine.MatchPhrase,
        "prefix": engine.MatchPrefix,
        "any": engine.MatchAny,
        "except": engine.MatchExcept,
    }
    [(name, value)] = _present(given).items()
    if name not in kinds:
        raise bad_json("data did not match any variant of untagged enum Match")
    return kinds[name](value)


def _range(given: Json) -> Any:
    bounds = _present(given)
    if any(isinstance(bound, str) for bound in bounds.values()):
        return engine.RangeDateTime(**bounds)
    return engine.RangeFloat(**bounds)


def _present(given: Json) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None}
