"""The editors that are known: where each keeps its servers, and what an entry looks like.

As their documentation has it: Cursor and Claude keep them under `mcpServers`, VS Code in a file of
their own under `servers`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sophia_cli.errors import InvalidInput

SERVER = "sophia"
"""The name of our entry."""
VARIABLES = ("SOPHIA_HOME", "SOPHIA_CONFIG", "SOPHIA_PROFILE")
"""Those that lead to a memory: they are ours in the entry, all others the user's."""


class Name(StrEnum):
    """The editors."""

    CURSOR = "cursor"
    CLAUDE = "claude"
    CLAUDE_DESKTOP = "claude-desktop"
    VSCODE = "vscode"


class Scope(StrEnum):
    """For whom it is installed."""

    USER = "user"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Editor:
    """One editor.

    Attributes:
        servers: the key of its servers.
        in_home: its file for one user, by the system: `linux` and `darwin`.
        in_project: its file in a project's folder; None where it has none.
        usual: the scope unless another is asked for.
        typed: whether an entry says that it is started and spoken to over its streams.
        then: what the user does next.
    """

    name: Name
    title: str
    servers: str
    in_home: Mapping[str, str]
    in_project: str | None
    usual: Scope
    typed: bool
    then: str

    def file(
        self, scope: Scope, variables: Mapping[str, str], cwd: Path, system: str = sys.platform
    ) -> Path:
        """The configuration of a scope.

        Raises:
            InvalidInput: this editor has none of that scope, or it is not known where.
        """
        if scope is Scope.PROJECT:
            if self.in_project is None:
                raise InvalidInput(f"{self.title} has no configuration for a project")
            return cwd / self.in_project
        home, place = variables.get("HOME"), self.in_home.get(system)
        if not home or place is None:
            raise InvalidInput(f"it is not known where {self.title} is here", "name its --path")
        folder = variables.get("XDG_CONFIG_HOME", "")
        if system == "linux" and place.startswith(".config/") and folder.startswith("/"):
            return Path(folder, place.removeprefix(".config/"))
        return Path(home, place)

    def entry(
        self, command: Path, arguments: list[str], variables: Mapping[str, str]
    ) -> dict[str, Any]:
        """What makes the editor start our server."""
        entry: dict[str, Any] = {"type": "stdio"} if self.typed else {}
        entry |= {"command": str(command), "args": arguments}
        return entry | ({"env": dict(variables)} if variables else {})


EDITORS = {
    editor.name: editor
    for editor in (
        Editor(
            Name.CURSOR,
            "Cursor",
            "mcpServers",
            {"linux": ".cursor/mcp.json", "darwin": ".cursor/mcp.json"},
            ".cursor/mcp.json",
            Scope.USER,
            typed=False,
            then="Cursor asks whether to enable it, or shows it under Settings, MCP",
        ),
        Editor(
            Name.CLAUDE,
            "Claude Code",
            "mcpServers",
            {"linux": ".claude.json", "darwin": ".claude.json"},
            ".mcp.json",
            Scope.USER,
            typed=True,
            then="start claude anew; /mcp shows it",
        ),
        Editor(
            Name.CLAUDE_DESKTOP,
            "Claude Desktop",
            "mcpServers",
            {
                "linux": ".config/Claude/claude_desktop_config.json",
                "darwin": "Library/Application Support/Claude/claude_desktop_config.json",
            },
            None,
            Scope.USER,
            typed=False,
            then="start Claude Desktop anew",
        ),
        Editor(
            Name.VSCODE,
            "VS Code",
            "servers",
            {
                "linux": ".config/Code/User/mcp.json",
                "darwin": "Library/Application Support/Code/User/mcp.json",
            },
            ".vscode/mcp.json",
            Scope.PROJECT,
            typed=True,
            then="run `MCP: List Servers` in VS Code and start it",
        ),
    )
}
