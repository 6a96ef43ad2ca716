"""`sophia import`: everything in again, from an export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, TextIO

import typer

from sophia_cli.commands.options import existing_paths_of
from sophia_cli.commands.rendering import place_of
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.transfer import Imported, import_lines
from sophia_cli.terminal import Outcome, Terminal

_SHOWN = 20


def command(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="What `sophia export` wrote; - reads stdin.")
    ],
) -> Outcome:
    """Store what an export wrote, under the same ids. A second import changes nothing.

    \b
    Examples:
      sophia import backup.jsonl
      zcat backup.jsonl.gz | sophia import -
    """
    invocation = Invocation.of(context)
    path = existing_paths_of(invocation, [file])[0]
    trace = Trace(served_by="records")
    with (
        invocation.service() as service,
        invocation.terminal.progress("importing") as advance,
    ):
        if path is None:
            stdin = invocation.environment.stdin
            result = import_lines(service, _lines(invocation, stdin), "stdin", trace, advance)
        else:
            with path.open(encoding="utf-8", errors="surrogateescape") as lines:
                result = import_lines(service, _lines(invocation, lines), path.name, trace, advance)
    return _outcome(result, trace)


def _lines(invocation: Invocation, lines: TextIO) -> Iterator[str]:
    for line in lines:
        invocation.environment.check_cancelled()
        yield line


def _outcome(result: Imported, trace: Trace) -> Outcome:
    row = {
        "new": result.new,
        "read": result.read,
        "bad": [
            {"source": bad.source, "line": bad.line, "reason": bad.reason} for bad in result.bad
        ],
    }

    def text(terminal: Terminal) -> None:
        for bad in result.bad[:_SHOWN]:
            terminal.note(f"{place_of(bad)}: {bad.reason}")
        new = ", ".join(f"{count:,} {name}s" for name, count in result.new.items())
        terminal.line(f"{result.read:,} records read; new: {new}")

    status = ExitStatus.PARTLY_DONE if result.bad else ExitStatus.OK
    return Outcome([row], text, trace, status)
