"""`sophia logs`: what the resident process and the engines wrote."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sophia_cli.commands.options import LimitOption, limit_of
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal

_PAUSE = 0.2


class LogName(StrEnum):
    """Whose log."""

    RESIDENT = "resident"
    POSTGRES = "postgres"
    VALKEY = "valkey"


def command(
    context: typer.Context,
    name: Annotated[LogName, typer.Argument(help="Whose log.")] = LogName.RESIDENT,
    limit: LimitOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
) -> Outcome | None:
    """Show the last lines of a log; no memory's content is in it.

    \b
    Examples:
      sophia logs
      sophia logs postgres -n 50
      sophia logs -f
    """
    invocation = Invocation.of(context)
    path = invocation.home.logs / f"{name.value}.log"
    lines = _last(path, limit_of(limit, 20))
    if not follow:
        return Outcome([{"line": line} for line in lines], lambda terminal: _show(terminal, lines))
    out = invocation.environment.stdout
    for line in lines:
        out.write(line + "\n")
    for line in _growing(path):
        out.write(line)
        out.flush()
    return None


def _show(terminal: Terminal, lines: list[str]) -> None:
    for line in lines:
        terminal.line(line)


def _last(path: Path, count: int) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as log:
            return [line.rstrip("\n") for line in deque(log, count)]
    except FileNotFoundError:
        return []


def _growing(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as log:
        log.seek(0, 2)
        while True:
            line = log.readline()
            if line:
                yield line
            else:
                time.sleep(_PAUSE)
