"""`sophia export`: everything out, as JSONL."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from sophia_cli.commands.options import path_of
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.transfer import export_lines
from sophia_cli.terminal import Outcome, Terminal


def command(
    context: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="The file to write, mode 0600; else stdout."),
    ] = None,
) -> Outcome | None:
    """Write every memory with its audit trail and links, a record a line.

    \b
    Examples:
      sophia export backup.jsonl
      sophia export | gzip > backup.jsonl.gz
    """
    invocation = Invocation.of(context)
    environment = invocation.environment
    trace = Trace(served_by="records")
    count = 0
    if file is None:
        with invocation.service() as service:
            for line in export_lines(service):
                environment.check_cancelled()
                environment.stdout.write(line + "\n")
        return None
    path = path_of(invocation, file)
    unfinished = path.with_name(path.name + ".part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with (
            os.fdopen(descriptor, "w", encoding="utf-8") as output,
            invocation.service() as service,
            invocation.terminal.progress("exporting") as advance,
        ):
            for line in export_lines(service):
                environment.check_cancelled()
                output.write(line + "\n")
                count += 1
                advance(1)
            output.flush()
            os.fsync(output.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise

    def text(terminal: Terminal) -> None:
        terminal.line(f"{count:,} records in {path}")

    return Outcome([{"records": count, "file": str(path)}], text, trace)
