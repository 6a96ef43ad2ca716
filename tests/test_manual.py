"""The manual is what the commands say of themselves."""

from __future__ import annotations

import pytest

from sophia_cli.command_tree import COMMANDS, root
from sophia_cli.manual import PAGE, manual


def test_the_manual_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == manual(), "run: python -m sophia_cli.manual"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples(name: str) -> None:
    command = root().commands[name]
    if not command.hidden:
        assert "Examples:" in (command.help or "")
        assert f"sophia {name}" in (command.help or "")
