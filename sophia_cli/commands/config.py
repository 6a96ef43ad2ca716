"""`sophia config`: the configuration and where each value comes from."""

from __future__ import annotations

import typer

from sophia_cli.help import Command, Group
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal

group = typer.Typer(
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    help="The configuration and where each value comes from.\n\n\b\nExamples:\n"
    "  sophia config show\n  SOPHIA_RECALL__LIMIT=5 sophia config show --json",
)


@group.callback()
def _config() -> None:
    """Gives the group its subcommands even while it has only one."""


@group.command(cls=Command)
def show(context: typer.Context) -> Outcome:
    """Print each key with its value and origin; secrets are masked.

    \b
    Examples:
      sophia config show
      sophia config show --config ./sophia.yaml --profile cluster
    """
    loaded = Invocation.of(context).loaded
    rows = loaded.rows()

    def text(terminal: Terminal) -> None:
        terminal.table("key", "value", "origin", rows=rows)

    return Outcome(
        [{"key": key, "value": value, "origin": origin} for key, value, origin in rows], text
    )
