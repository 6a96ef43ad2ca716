"""Whatever an editor's configuration holds besides our entry stays as it is, to the byte."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.errors import InvalidInput, Refused
from sophia_cli.mcp.editors.change import installed, uninstalled
from sophia_cli.mcp.editors.editor import EDITORS, Name
from sophia_cli.mcp.editors.edits import with_value, without
from sophia_cli.mcp.editors.jsonc import Malformed, parse

CASES = sorted((Path(__file__).parent / "cases").glob("*.case"))
PROGRAM = Path("/opt/sophia/bin/sophia")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_configuration_before_and_after(path: Path, tmp_path: Path) -> None:
    name, *parts = re.split(r"\n--- (?:before|installed|uninstalled)\n", path.read_bytes().decode())
    before, after, without_it = parts[0], parts[1], parts[2].removesuffix("\n")
    editor, file = EDITORS[Name(name)], tmp_path / "mcp.json"
    file.write_bytes(before.encode())
    entry = editor.entry(PROGRAM, ["mcp", "--user=ana"], {"SOPHIA_HOME": "/srv/memory"})
    assert installed(editor, file, entry).after == after
    file.write_bytes(after.encode())
    assert not installed(editor, file, entry).needed
    assert uninstalled(editor, file).after == without_it
    file.write_bytes(without_it.encode())
    assert not uninstalled(editor, file).needed


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "1:2: a key in quotes"),
        ('{\n  "a": 1\n  "b": 2\n}', "3:3: a comma"),
        ('{\n  "a" 1}', "2:7: a colon"),
        ('{"a": tru}', "1:7: a value"),
        ('{"a": "x\n"}', "1:7: a string"),
        ('{"a": "\\x"}', "1:7: a string"),
        ("{} {}", "1:4: there is more"),
        ("{'a': 1}", "1:2: a key"),
        ("{/* }", "1:2: a comment"),
        ('{"a": [1 2]}', "1:10: a comma"),
        ('{"a": 01}', "1:8: a comma"),
        ("[" * 100_000, "1:201: it is nested"),
        ("[]", "1:1: the whole is not an object"),
        ('{"mcpServers": []}', "1:16: mcpServers is not an object"),
        ('{"mcpServers": null}', "1:16: mcpServers is not an object"),
        ('{"mcpServers": {},\n "mcpServers": {}}', "2:2: mcpServers is there twice"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    text: str, place: str, tmp_path: Path
) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(text)
    for change in (
        lambda: installed(EDITORS[Name.CURSOR], file, {"command": "x"}),
        lambda: uninstalled(EDITORS[Name.CURSOR], file),
    ):
        with pytest.raises(InvalidInput, match=re.escape(f"{file}:{place}")):
            change()


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(InvalidInput, match="byte 8 is not UTF-8"):
        installed(EDITORS[Name.CURSOR], file, {"command": "x"})


def test_an_entry_at_an_address_is_not_turned_into_another(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text('{"mcpServers": {"sophia": {"url": "https://memory.example.com/mcp"}}}')
    with pytest.raises(Refused, match="at an address"):
        installed(EDITORS[Name.CURSOR], file, {"command": "x"})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.text(max_size=4), VALUES, max_size=4),
    st.dictionaries(st.text(max_size=4), VALUES, max_size=3),
    st.booleans(),
    st.integers(),
)
def test_a_value_comes_and_goes_and_nothing_else_moves(
    outer: dict[str, Any], inner: dict[str, Any], there: bool, seed: int
) -> None:
    writer = Writer(random.Random(seed))
    whole = {**outer, "mcpServers": inner} if there else outer
    text = writer.written(whole)
    assert parse(text).value == whole
    path, value = ("mcpServers", "sophia"), {"command": "x", "args": ["mcp"]}
    held = dict(inner) if there else dict(outer.get("mcpServers", {}) or {})
    if "mcpServers" in whole and not isinstance(whole["mcpServers"], dict):
        with pytest.raises(Malformed):
            with_value(text, path, value)
        return
    added = with_value(text, path, value)
    held["sophia"] = value
    assert parse(added).value == {**whole, "mcpServers": held}
    assert comments(added) == comments(text)
    assert with_value(added, path, value) == added
    taken = without(added, path)
    del held["sophia"]
    assert parse(taken).value == {**whole, "mcpServers": held}
    assert comments(taken) == comments(text)
    if not writer.trailing:
        strict = re.sub(r"(?s)/\*c\d*\*/|//c\d*", "", taken)
        assert json.loads(strict) == {**whole, "mcpServers": held}


def comments(text: str) -> list[str]:
    """The writer's comments; none of its strings holds one."""
    return re.findall(r"/\*c\d*\*/|//c\d*", text)


class Writer:
    """Writes JSON in the style of somebody: indentation, line ends, comments, trailing commas."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._newline = chance.choice(["\n", "\r\n", ""])
        self._unit = chance.choice(["  ", "    ", "\t", ""]) if self._newline else ""
        self.trailing = chance.random() < 0.3
        self._comments = chance.random() < 0.5
        self._count = 0

    def written(self, value: Any) -> str:
        return self._gap(0) + self._value(value, 0) + self._gap(0)

    def _value(self, value: Any, depth: int) -> str:
        if isinstance(value, dict):
            items = [
                f"{json.dumps(key, ensure_ascii=self._chance.random() < 0.5)}{self._gap(depth)}:"
                f"{self._gap(depth)}{self._value(each, depth + 1)}"
                for key, each in value.items()
            ]
            return self._list("{", items, "}", depth)
        if isinstance(value, list):
            return self._list("[", [self._value(each, depth + 1) for each in value], "]", depth)
        return json.dumps(value)

    def _list(self, first: str, items: list[str], last: str, depth: int) -> str:
        text = first
        for number, item in enumerate(items):
            comma = "," if number < len(items) - 1 or self.trailing else ""
            text += self._break(depth + 1) + item + self._gap(depth) + comma
        return text + self._break(depth) + last

    def _break(self, depth: int) -> str:
        return self._gap(depth) + self._newline + self._unit * depth

    def _gap(self, depth: int) -> str:
        text = self._chance.choice(["", "", " "])
        if self._comments and self._chance.random() < 0.2:
            self._count += 1
            block = f"/*c{self._count}*/"
            ended = f"//c{self._count}{self._newline}" if self._newline else block
            text += self._chance.choice([block, ended])
        return text
