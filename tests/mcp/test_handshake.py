"""What editors say to a server, line by line, and what they are answered.

`claude-code-*-recorded` was taken from Claude Code itself (`claude mcp list`, without a network);
the others are composed of what editors send.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.mcp.conftest import Editor

HANDSHAKES = sorted((Path(__file__).parent / "handshakes").glob("*.jsonl"))
ANY = "<any>"


@pytest.mark.parametrize("path", HANDSHAKES, ids=lambda path: path.stem)
def test_an_editor_is_answered_as_it_expects(edit: Callable[..., Editor], path: Path) -> None:
    editor = edit(hello=False)
    for line in path.read_text().splitlines():
        ((step, message),) = json.loads(line).items()
        if step == "send":
            editor.write(json.dumps(message) + "\n")
        else:
            compare(message, editor.read())
    assert editor.close() == (0, "", "")


def test_a_cancelled_request_is_answered_once_at_most(edit: Callable[..., Editor]) -> None:
    editor = edit()
    call = {"name": "recall", "arguments": {"query": "what was cancelled?"}}
    messages = [
        {"id": "cancelled", "method": "tools/call", "params": call},
        {"method": "notifications/cancelled", "params": {"requestId": "cancelled"}},
        {"id": "last", "method": "tools/call", "params": call},
    ]
    editor.write("".join(json.dumps({"jsonrpc": "2.0", **each}) + "\n" for each in messages))
    status, out, error = editor.close()
    assert (status, error) == (0, "")
    answered = [json.loads(line)["id"] for line in out.splitlines()]
    assert answered.count("cancelled") <= 1
    assert answered.count("last") == 1


def compare(expected: Any, found: Any, place: str = "") -> None:
    """Everything that is expected is there; an object may hold more."""
    if expected == ANY:
        assert found is not None, place
    elif isinstance(expected, dict):
        for key, value in expected.items():
            assert key in found, f"{place}.{key}"
            compare(value, found[key], f"{place}.{key}")
    elif isinstance(expected, list):
        assert len(expected) == len(found), place
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            compare(one, other, f"{place}[{number}]")
    else:
        assert found == expected, place
