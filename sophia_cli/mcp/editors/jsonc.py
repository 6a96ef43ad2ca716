"""JSON with comments and trailing commas, as editors write it: read with the place of each value.

Of our own, since what is to be found is small (round-trip parsers for JSON5 take far more than
editors do, and rewrite what they print): the text is never printed again, only cut and added to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DEEPEST = 200
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"\w*")
_WORDS = {"true": True, "false": False, "null": None}
_GAP = re.compile(r"(?:[\s\ufeff]|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)


class Malformed(ValueError):
    """A text that is not JSON, not even with comments; or not of the shape that is needed.

    Attributes:
        line: from 1.
        column: in characters, from 1.
    """

    def __init__(self, text: str, place: int, what: str) -> None:
        self.what = what
        self.line = text.count("\n", 0, place) + 1
        self.column = place - text.rfind("\n", 0, place)
        super().__init__(f"line {self.line}, column {self.column}: {what}")


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands: `text[start:end]`.

    Attributes:
        value: as `json.loads` would have it.
        members: of an object, by key; the last of a key that is there twice, as editors take it.
        twice: the keys that are.
    """

    start: int
    end: int
    value: Any
    members: Mapping[str, Member] | None = None
    twice: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Member:
    """A key and its value; `start` is where the key begins."""

    start: int
    node: Node


def parse(text: str) -> Node:
    """The value that a text holds.

    Raises:
        Malformed: it holds none, or more than one.
    """
    node = _value(text, gap(text, 0), 0)
    end = gap(text, node.end)
    if end < len(text):
        raise Malformed(text, end, "there is more behind the end")
    return node


def gap(text: str, place: int) -> int:
    """Where white space and comments from `place` on end."""
    found = _GAP.match(text, place)
    assert found is not None  # noqa: S101  (it matches nothing as well)
    if text.startswith("/*", found.end()):
        raise Malformed(text, found.end(), "a comment without its end")
    return found.end()


def _value(text: str, place: int, depth: int) -> Node:
    first = text[place : place + 1]
    if first in ("{", "[") and depth == _DEEPEST:
        raise Malformed(text, place, "it is nested too deeply")
    if first == "{":
        return _object(text, place, depth + 1)
    if first == "[":
        return _array(text, place, depth + 1)
    if first == '"':
        return _string(text, place)
    found = _NUMBER.match(text, place)
    if found is not None:
        return Node(place, found.end(), json.loads(found[0]))
    word = _WORD.match(text, place)
    if word is not None and word[0] in _WORDS:
        return Node(place, word.end(), _WORDS[word[0]])
    raise Malformed(text, place, "a value is missing" if first else "it ends too early")


def _object(text: str, start: int, depth: int) -> Node:
    members: dict[str, Member] = {}
    twice: set[str] = set()
    place = gap(text, start + 1)
    while not text.startswith("}", place):
        if not text.startswith('"', place):
            raise Malformed(text, place, "a key in quotes, or }, is missing")
        key = _string(text, place)
        colon = gap(text, key.end)
        if not text.startswith(":", colon):
            raise Malformed(text, colon, "a colon is missing")
        node = _value(text, gap(text, colon + 1), depth)
        if key.value in members:
            twice.add(key.value)
        members[key.value] = Member(place, node)
        place = _next(text, node.end, "}")
    values = {key: member.node.value for key, member in members.items()}
    return Node(start, place + 1, values, members, frozenset(twice))


def _array(text: str, start: int, depth: int) -> Node:
    values = []
    place = gap(text, start + 1)
    while not text.startswith("]", place):
        node = _value(text, place, depth)
        values.append(node.value)
        place = _next(text, node.end, "]")
    return Node(start, place + 1, values)


def _next(text: str, end: int, closing: str) -> int:
    """Where what follows a value begins, behind its comma: the next one, or the end of all."""
    place = gap(text, end)
    if text.startswith(",", place):
        return gap(text, place + 1)
    if not text.startswith(closing, place):
        raise Malformed(text, place, f"a comma, or {closing}, is missing")
    return place


def _string(text: str, place: int) -> Node:
    found = _STRING.match(text, place)
    if found is None:
        raise Malformed(text, place, "a string without its end, or with what no string may hold")
    return Node(place, found.end(), json.loads(found[0]))
