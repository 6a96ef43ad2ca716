"""Help as a result like any other: it is written to the streams of the command's environment."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from sophia_cli.invocation import Invocation


class _Help:
    """Typer's own --help writes to the process's stdout, which is not the client's."""

    def get_help_option(self, context: Any) -> Any:
        """The option, with our callback."""
        option = super().get_help_option(context)  # type: ignore[misc]
        if option is not None:
            option.callback = _show
        return option


class Command(_Help, TyperCommand):
    """One command."""


class Group(_Help, TyperGroup):
    """A command with commands below it."""


def _show(context: typer.Context, _: Any, wanted: bool) -> None:
    if wanted:
        Invocation.of(context).environment.stdout.write(f"{context.get_help()}\n")
        raise typer.Exit
