"""`sophia journal`: what was done to the cluster, by whom and when."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer

from sophia_cli.commands.options import LimitOption, limit_of, moment_of, path_of
from sophia_cli.config.durations import parse_duration
from sophia_cli.errors import InvalidInput
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal

_USUAL_LIMIT = 50


def command(
    context: typer.Context,
    run: Annotated[
        str, typer.Option(help="One run's, by the beginning of its id.", metavar="ID")
    ] = "",
    host: Annotated[str, typer.Option(help="On one host.", metavar="NAME")] = "",
    phase: Annotated[str, typer.Option(help="In one phase.", metavar="NAME")] = "",
    since: Annotated[
        str | None,
        typer.Option(help="In the last 2d, or since a time.", metavar="DURATION|TIME"),
    ] = None,
    limit: LimitOption = None,
    export: Annotated[
        str | None,
        typer.Option(help="Write all of them to a file, one JSON object a line.", metavar="FILE"),
    ] = None,
) -> Outcome:
    """Show what was done to the cluster from this machine, the latest last; no secret is in it.

    Each host has a journal of its own beside it, in /var/log/sophia-deploy/journal.jsonl. With
    --verbose the commands are shown as well.

    \b
    Examples:
      sophia journal
      sophia journal --since 2d --host qdrant-1
      sophia journal --run 20260102-150405-3fa9c1 --verbose
      sophia journal --phase qdrant --export qdrant.jsonl
    """
    from sophia_cli.commands.journal_lines import show
    from sophia_cli.ops.journal import Wanted, read
    from sophia_cli.ops.kept import Kept

    invocation = Invocation.of(context)
    usual = None if export is not None else _USUAL_LIMIT
    count = usual if limit is None else limit_of(limit, _USUAL_LIMIT)
    wanted = Wanted(run, host, phase, _since(invocation, since), count)
    path = None if export is None else path_of(invocation, export)
    kept = Kept.of(invocation.home, invocation.inventory.inventory.cluster)
    found = read(kept.journal, wanted)
    rows = [event.as_json() for event in found.events]
    if found.unreadable:
        invocation.terminal.note(
            f"{kept.journal}: {found.unreadable} lines cannot be read: torn, or a later version's"
        )
    if path is not None:
        from sophia_cli.ops.private import replace

        text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        replace(path, text.encode("utf-8", "replace"))
        return Outcome(
            [{"events": len(rows), "file": str(path)}],
            lambda terminal: terminal.line(f"{len(rows):,} events in {path}"),
        )

    def lines(terminal: Terminal) -> None:
        if not rows:
            terminal.note("nothing was found")
        show(terminal, found.events, verbose=invocation.verbose)

    return Outcome(rows, lines)


def _since(invocation: Invocation, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return invocation.now - parse_duration(text)
    except (InvalidInput, OverflowError):
        return moment_of(invocation, "--since", text)
