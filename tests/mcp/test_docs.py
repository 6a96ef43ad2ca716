"""docs/mcp.md lists what there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from sophia_cli.mcp import resources
from sophia_cli.mcp.editors.editor import EDITORS
from sophia_cli.mcp.prompts import PROMPTS
from sophia_cli.mcp.tools import TOOLS
from sophia_cli.memory.asking import Intent, understand

PAGE = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text("utf-8")


def table(head: str) -> dict[str, set[str]]:
    """The rows of a table: what stands in code in the first column, and in the second."""
    rows = PAGE.split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    cells = [row.strip("| ").split(" | ") for row in rows]
    return {
        re.findall("`([^`]+)`", each[0])[0]: set(re.findall("`([^`]+)`", each[1])) for each in cells
    }


def test_every_tool_is_documented_with_its_arguments() -> None:
    assert table("tool") == {tool.name: set(tool.request.model_fields) for tool in TOOLS}


def test_every_prompt_is_documented_with_its_arguments() -> None:
    assert table("prompt") == {each.name: {a.name for a in each.arguments} for each in PROMPTS}


def test_every_resource_and_editor_is_documented() -> None:
    assert set(table("resource")) == {resources.STATS, resources.MEMORY}
    assert set(table("`sophia mcp install`")) == set(EDITORS)
    for editor in EDITORS.values():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{editor.name}`"))
        for place in editor.in_home.values():
            assert f"`~/{place}`" in row
        assert editor.in_project is None or f" `{editor.in_project}` |" in row
        assert row.endswith(f" {editor.usual.value} |")


def test_what_a_prompt_says_is_understood_without_a_model_too() -> None:
    intents = {
        "remember_decision": Intent.REMEMBER,
        "what_did_we_decide": Intent.RECALL,
        "find_similar": Intent.SIMILAR,
        "show_discussions": Intent.DISCUSSIONS,
        "analyze_performance": Intent.PERFORMANCE,
    }
    for prompt in PROMPTS:
        given = {each.name: "the outbox" for each in prompt.arguments if each.required}
        sentence = prompt.filled(given).split("\n")[0]
        assert understand(sentence).intent is intents[prompt.name]
