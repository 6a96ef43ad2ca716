"""A session that is bound to a part of the memory, or may only read, or whose token may."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from sophia_cli.mcp.tools import TOOLS
from tests.conftest import Sophia
from tests.mcp.conftest import Editor

Start = Callable[..., Editor]

BOUNDS = [
    ("user", "ana", "bo"),
    ("agent", "cursor", "claude"),
    ("session", "monday", "tuesday"),
    ("kind", "coding", "business"),
]


@pytest.mark.parametrize(("name", "own", "other"), BOUNDS)
def test_a_bound_session_sees_and_changes_nothing_of_others(
    edit: Start, user: str, name: str, own: str, other: str
) -> None:
    everywhere = edit()
    ids = {}
    for value in (own, other):
        content = f"the lamp of {user} is {value}"
        (row,) = everywhere.rows("remember", content=content, **{name: value})
        ids[value] = row["id"]
    bound = edit(f"--{name}", own)
    (mine,) = bound.rows("remember", content=f"a remark about the parser bug of {user}")
    for tool, text in (("recall", "query"), ("find_similar", "text"), ("ask", "sentence")):
        found = bound.rows(tool, **{text: f"the lamp of {user}"}, limit=100)
        assert {row[name] for row in found} == {own}
    (memory,) = [
        json.loads(each["text"])
        for each in everywhere.ask("resources/read", uri=f"sophia://memory/{mine['id']}")["result"][
            "contents"
        ]
    ]
    assert memory[name] == own
    refusals = [
        bound.call("forget", ids=[ids[other]]),
        bound.call("remember", content="x", **{name: other}),
        bound.call("recall", query="x", **{name: other}),
        bound.call("analyze_performance"),
        bound.call("ask", sentence="Analyze memory performance"),
    ]
    codes = [result["structuredContent"]["error"]["code"] for result in refusals]
    assert codes == ["not_found", "forbidden", "forbidden", "forbidden", "forbidden"]
    assert "this mcp server is bound to" in refusals[1]["content"][0]["text"]
    hidden = bound.ask("resources/read", uri=f"sophia://memory/{ids[other]}")["error"]
    missing = bound.ask("resources/read", uri=f"sophia://memory/{ids[other][:-1]}f")["error"]
    assert {**hidden, "message": ""} == {**missing, "message": ""}
    reference = {"type": "ref/resource", "uri": "sophia://memory/{id}"}
    argument = {"name": "id", "value": ids[other]}
    completed = bound.ask("completion/complete", ref=reference, argument=argument)
    assert completed["result"]["completion"]["values"] == []
    assert bound.ask("resources/read", uri="sophia://stats")["error"]["data"]["code"] == "forbidden"
    assert bound.ask("resources/list")["result"]["resources"] == []
    assert "analyze_performance" not in names(bound)


def test_a_session_that_may_only_read_is_offered_nothing_else(edit: Start, user: str) -> None:
    (stored,) = edit().rows("remember", content=f"the shelf of {user} is full", user=user)
    reader = edit("--read-only")
    offered = {tool["name"]: tool for tool in reader.ask("tools/list")["result"]["tools"]}
    assert set(offered) == {tool.name for tool in TOOLS} - {"remember", "forget"}
    assert all(tool["annotations"]["readOnlyHint"] for tool in offered.values())
    assert len(reader.rows("ask", sentence="What did we say of the shelf?", user=user)) == 1
    for tool, arguments in (
        ("remember", {"content": "x"}),
        ("forget", {"ids": [stored["id"]]}),
        ("ask", {"sentence": "Remember this: x"}),
    ):
        error = reader.call(tool, **arguments)["structuredContent"]["error"]
        assert error["code"] == "forbidden"
        assert "the editor's configuration" in error["hint"]


def test_hints_say_what_a_tool_does(edit: Start) -> None:
    tools = {
        tool["name"]: tool["annotations"] for tool in edit().ask("tools/list")["result"]["tools"]
    }
    assert {name for name, hints in tools.items() if hints["destructiveHint"]} == {"forget"}
    assert {name for name, hints in tools.items() if not hints["readOnlyHint"]} == {
        "remember",
        "ask",
        "forget",
    }


@pytest.mark.parametrize("option", ["--user", "--agent", "--session"])
def test_a_bound_that_is_none_is_refused(shared: Sophia, option: str) -> None:
    ended = shared("mcp", option, " ")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert option.removeprefix("--") in ended.stderr


def names(editor: Editor) -> list[str]:
    return [tool["name"] for tool in editor.ask("tools/list")["result"]["tools"]]
