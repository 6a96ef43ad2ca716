"""docs/commands.md: the help of every command, generated from the commands themselves.

`python -m sophia_cli.manual` writes it; a test fails while it differs.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from sophia_cli.app import run
from sophia_cli.command_tree import COMMANDS, root
from sophia_cli.environment import Environment

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"
_HEAD = """# Commands

Generated from the commands' own help by `python -m sophia_cli.manual`. Global options may stand
anywhere on the line; behind `--` everything is text.
"""


def manual() -> str:
    """The whole page."""
    parts = [_HEAD, _section("sophia", ["--help"])]
    for name in COMMANDS:
        command = root().commands[name]
        if command.hidden:
            continue
        parts.append(_section(f"sophia {name}", [name, "--help"]))
        parts.extend(
            _section(f"sophia {name} {each}", [name, each, "--help"])
            for each in getattr(command, "commands", {})
        )
    return "\n".join(parts)


def _section(title: str, arguments: list[str]) -> str:
    return f"## {title}\n\n```\n{_help(arguments)}\n```\n"


def _help(arguments: list[str]) -> str:
    written = io.StringIO()
    environment = Environment(io.StringIO(), written, io.StringIO(), Path(), {})
    with contextlib.redirect_stdout(written):
        run(arguments, environment)
    return "\n".join(line.rstrip() for line in written.getvalue().strip().splitlines())


if __name__ == "__main__":
    PAGE.write_text(manual(), "utf-8")
