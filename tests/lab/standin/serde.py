"""JSON, and the words the server has for what is none."""

from __future__ import annotations

import json
from typing import Any


class NotJson(ValueError):
    """In the words of the server's parser: `EOF while parsing a list at line 1 column 12`."""


def loads(text: bytes | str) -> Any:
    """Reads JSON.

    Raises:
        NotJson: it is none.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        raise NotJson(_reason(shown, error)) from error


def dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def without_nulls(value: Any) -> Any:
    """The same without the fields that are null: clients send them, the server drops them."""
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [without_nulls(one) for one in value]
    return value


def _reason(text: str, error: ValueError) -> str:
    line, column = text.count("\n") + 1, len(text) - (text.rfind("\n") + 1)
    inside = _open_at_end(text)
    if inside is not None:
        return f"EOF while parsing {inside} at line {line} column {column}"
    at = getattr(error, "pos", 0)
    before = text[:at]
    return (
        f"expected value at line {before.count(chr(10)) + 1} "
        f"column {at - (before.rfind(chr(10)) + 1) + 1}"
    )


def _open_at_end(text: str) -> str | None:
    """What was being read when the text ended; None when it did not end too early."""
    opened: list[str] = []
    string = escaped = False
    for sign in text:
        if string:
            escaped = sign == "\\" and not escaped
            string = sign != '"' or escaped
            escaped = escaped and sign == "\\"
        elif sign == '"':
            string = True
        elif sign in "{[":
            opened.append(sign)
        elif sign in "}]" and opened:
            opened.pop()
    if string:
        return "a string"
    if not text.strip() or (opened and text.rstrip().endswith(":")):
        return "a value"
    if opened:
        return "a list" if opened[-1] == "[" else "an object"
    return None
