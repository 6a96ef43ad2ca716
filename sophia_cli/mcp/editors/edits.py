"""Changes to JSON with comments as changes of its text: whatever they do not touch stays as it is.

New lines take the indentation and the line ends that are there, and a comma behind the last member
where the file has one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sophia_cli.mcp.editors.jsonc import Malformed, Member, Node, gap, parse

_BLANK = " \t\r\n\ufeff"


def with_value(text: str, path: Sequence[str], value: Any) -> str:
    """The text with a value at a path of keys; objects on the way are made where they lack.

    Raises:
        Malformed: it is not JSON, or something on the way is no object.
    """
    if not text.strip(_BLANK):
        text += "{}\n"
    node = root = parse(text)
    for depth, key in enumerate(path):
        members = _members(text, node, path[: depth + 1])
        if key not in members:
            for inner in reversed(path[depth + 1 :]):
                value = {inner: value}
            return _added(text, root, node, key, value)
        member = members[key]
        node = member.node
    if json.dumps(node.value) == json.dumps(value):  # For Python, 1 and true are the same.
        return text
    written = _written(text, root, value, _indentation(text, member.start))
    return text[: node.start] + written + text[node.end :]


def without(text: str, path: Sequence[str]) -> str:
    """The text without the member at a path of keys; comments stay.

    Raises:
        Malformed: it is not JSON, or something on the way is no object.
    """
    if not text.strip(_BLANK):
        return text
    node = parent = parse(text)
    for depth, key in enumerate(path):
        members = _members(text, node, path[: depth + 1])
        if key not in members:
            return text
        parent, member = node, members[key]
        node = member.node
    for start, end in sorted(_cuts(text, parent, member), reverse=True):
        text = text[:start] + text[end:]
    return text


def _added(text: str, root: Node, parent: Node, key: str, value: Any) -> str:
    """The text with one more member at the end of an object."""
    members = (parent.members or {}).values()
    last = max((member.node.end for member in members), default=None)
    inside = parent.end - 1
    tail = len(text[:inside].rstrip(_BLANK))  # Comments behind the last member stay with it.
    comma = last is not None and text.startswith(",", gap(text, last))
    if last is not None and "\n" not in text[parent.start : parent.end]:
        made = f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        made += "," if comma else ""
    else:
        first = min((member.start for member in members), default=None)
        outer = _indentation(text, parent.start)
        indentation = outer + _unit(text, root)
        if first is not None and not _line_before(text, first).strip():
            indentation = _indentation(text, first)
        newline = _newline(text)
        written = _written(text, root, value, indentation)
        made = f"{newline}{indentation}{json.dumps(key)}: {written}"
        made += "," if comma else ""
        made += "" if "\n" in text[tail:inside] else newline + outer
    text = text[:tail] + made + text[tail:]
    return text if comma or last is None else f"{text[:last]},{text[last:]}"


def _cuts(text: str, parent: Node, member: Member) -> list[tuple[int, int]]:
    """What is to be cut so that a member is gone, with its comma and its line."""
    start, end = member.start, member.node.end
    inside = (parent.start + 1, parent.end - 1)
    if not (text[inside[0] : start] + text[end : inside[1]]).strip(_BLANK + ","):
        return [inside]
    behind = gap(text, end)
    if text.startswith(",", behind):
        if text[end:behind].strip(_BLANK):
            return [(start, end), (behind, behind + 1)]
        return [_with_its_line(text, start, behind + 1)]
    before = _comma_before(text, parent, start)
    if before is None:
        return [_with_its_line(text, start, end)]
    if text[before + 1 : start].strip(_BLANK):
        return [(before, before + 1), _with_its_line(text, start, end)]
    return [(before, end)]


def _with_its_line(text: str, start: int, end: int) -> tuple[int, int]:
    """A piece, with the line end before it where it has its lines for itself."""
    blank_end = len(text) - len(text[end:].lstrip(" \t"))
    alone = not _line_before(text, start).strip(_BLANK)
    if alone and text[blank_end : blank_end + 1] in ("\r", "\n", ""):
        return len(text[:start].rstrip(" \t").removesuffix("\n").removesuffix("\r")), blank_end
    return start, blank_end


def _comma_before(text: str, parent: Node, start: int) -> int | None:
    ends = [each.node.end for each in (parent.members or {}).values() if each.node.end <= start]
    return gap(text, max(ends)) if ends else None


def _members(text: str, node: Node, path: Sequence[str]) -> Mapping[str, Member]:
    """The members of an object on the way, of which the last key of `path` is wanted.

    Raises:
        Malformed: it is no object, or has that key twice.
    """
    if node.members is None:
        where = ".".join(path[:-1]) or "the whole"
        raise Malformed(text, node.start, f"{where} is not an object")
    if path[-1] in node.twice:
        raise Malformed(text, node.members[path[-1]].start, f"{'.'.join(path)} is there twice")
    return node.members


def _written(text: str, root: Node, value: Any, indentation: str) -> str:
    """A value over several lines, as one that begins behind this indentation."""
    lines = json.dumps(value, ensure_ascii=False, indent=_unit(text, root)).split("\n")
    return f"{_newline(text)}{indentation}".join(lines)


def _unit(text: str, root: Node) -> str:
    """One step of indentation: that of the first member."""
    first = min((member.start for member in (root.members or {}).values()), default=0)
    return _indentation(text, first) or "  "


def _indentation(text: str, place: int) -> str:
    """The white space at the beginning of the line of a place."""
    line = _line_before(text, place)
    return line[: len(line) - len(line.lstrip(" \t"))]


def _line_before(text: str, place: int) -> str:
    return text[text.rfind("\n", 0, place) + 1 : place].lstrip("\ufeff")


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
