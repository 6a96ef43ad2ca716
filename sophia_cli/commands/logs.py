"""`sophia logs`: what the resident process, the commands beside it and the engines wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, NoReturn

import typer

from sophia_cli.commands.log_lines import show
from sophia_cli.commands.options import LimitOption, limit_of, moment_of
from sophia_cli.config.durations import parse_duration
from sophia_cli.errors import InvalidInput
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation
from sophia_cli.logs.choice import Choice, Pattern
from sophia_cli.logs.lines import Line, LogName
from sophia_cli.logs.reading import Growing, in_order, last
from sophia_cli.terminal import Outcome

_PAUSE = 0.2


class Which(StrEnum):
    """Whose log, or all of them."""

    RESIDENT = "resident"
    POSTGRES = "postgres"
    VALKEY = "valkey"
    ALL = "all"


class Level(StrEnum):
    """How bad a line is."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def command(
    context: typer.Context,
    name: Annotated[Which, typer.Argument(help="Whose log.")] = Which.RESIDENT,
    limit: LimitOption = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as it grows, until Ctrl-C.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(help="Written in the last 10m, or since a time.", metavar="DURATION|TIME"),
    ] = None,
    grep: Annotated[
        str | None, typer.Option(help="Lines that hold this text or pattern.", metavar="RE")
    ] = None,
    request: Annotated[
        str | None, typer.Option(help="What belongs to one request.", metavar="ID")
    ] = None,
    level: Annotated[Level, typer.Option(help="At least as bad as this.")] = Level.DEBUG,
) -> Outcome:
    """Show the last lines of a log; no memory's content is in it.

    The log of the resident process also has the commands that run beside it. With `--json` a line
    of any log is an object of the same form; with `-f` as well, one is printed a line.

    \b
    Examples:
      sophia logs
      sophia logs all --since 10m --level warning
      sophia logs postgres -n 50
      sophia logs --request 5c1a9f0e7d3b2846
      sophia logs -f --grep "operation|breaker"
    """
    invocation = Invocation.of(context)
    choice = Choice(
        None if since is None else _since(invocation, since),
        level.value,
        None if grep is None else Pattern(grep),
        request,
    )
    names = list(LogName) if name is Which.ALL else [LogName(name.value)]
    paths = {each: invocation.home.log(each.value) for each in names}
    count, named = limit_of(limit, 20), len(names) > 1
    if follow:
        growing = {each: Growing(each, path, choice) for each, path in paths.items()}
        ends = {each: log.start for each, log in growing.items()}
        lines = last(paths, count, choice, ends)
        _follow(invocation, lines, list(growing.values()), named=named)
    lines = last(paths, count, choice)
    return Outcome(
        [line.as_json() for line in lines],
        lambda terminal: show(terminal, lines, named=named),
    )


def _follow(
    invocation: Invocation, lines: Sequence[Line], growing: Sequence[Growing], *, named: bool
) -> NoReturn:
    terminal, out = invocation.terminal, invocation.environment.stdout
    try:
        while True:
            if terminal.json_mode:
                out.writelines(f"{json.dumps(line.as_json(), default=str)}\n" for line in lines)
            else:
                show(terminal, lines, named=named)
            out.flush()
            invocation.environment.wait(_PAUSE)
            lines = in_order([line for each in growing for line in each.lines()])
    except KeyboardInterrupt:  # how it ends: nothing but lines is printed
        raise typer.Exit(ExitStatus.INTERRUPTED) from None
    finally:
        for each in growing:
            each.close()


def _since(invocation: Invocation, text: str) -> datetime:
    try:
        return invocation.now - parse_duration(text)
    except (InvalidInput, OverflowError):
        return moment_of(invocation, "--since", text)
