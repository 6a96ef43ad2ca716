"""`sophia ingest`: store many memories from files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from sophia_cli.commands.options import (
    AgentOption,
    KindChoice,
    SessionOption,
    UserOption,
    existing_paths_of,
)
from sophia_cli.commands.rendering import place_of
from sophia_cli.errors import Interrupted, InvalidInput
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation
from sophia_cli.memory.ingesting import Tally, ingest
from sophia_cli.memory.model import Kind
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_name
from sophia_cli.reading import Format, Given, Item, read_path, read_stream
from sophia_cli.terminal import Outcome, Terminal

_SHOWN = 20


def command(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Files or directories; - reads stdin.")
    ],
    format: Annotated[
        Format | None, typer.Option("--format", help="How to read them; else by their content.")
    ] = None,
    kind: Annotated[
        KindChoice, typer.Option(help="The kind of all; auto decides for each session or file.")
    ] = KindChoice.AUTO,
    user: UserOption = None,
    agent: AgentOption = None,
    session: SessionOption = None,
) -> Outcome:
    """Store many memories: Markdown, text, JSONL, chat transcripts, a git log.

    Run it again after an interrupt: what is stored is not stored twice.

    \b
    Examples:
      sophia ingest notes/ meeting.md
      sophia ingest chat.txt --format chat --session standup --user team
      sophia ingest . --format git
      cat memories.jsonl | sophia ingest - --kind coding
    """
    invocation = Invocation.of(context)
    trace, tally = Trace(), Tally()
    given = Given(
        None if kind is KindChoice.AUTO else Kind(kind.value),
        checked_name("user", user),
        checked_name("agent", agent),
        checked_name("session", session),
    )
    files = existing_paths_of(invocation, paths)
    with (
        invocation.service() as service,
        invocation.terminal.progress("ingesting") as advance,
    ):
        items = _until_cancelled(invocation, _read(invocation, files, format, given))
        try:
            ingest(service, items, invocation.now, trace, tally, advance)
        except Interrupted as error:
            error.message = f"interrupted after {tally.created + tally.known:,} memories"
            raise
    if not tally.created and not tally.known and not tally.bad:
        raise InvalidInput("there was nothing to remember in it", "see --format")
    return _outcome(tally, trace)


def _read(
    invocation: Invocation, paths: list[Path | None], format_: Format | None, given: Given
) -> Iterator[Item]:
    for path in paths:
        if path is None:
            stdin = invocation.environment.stdin
            yield from read_stream(stdin, format_, "stdin", invocation.now, given)
        else:
            yield from read_path(path, format_, invocation.now, given)


def _until_cancelled(invocation: Invocation, items: Iterator[Item]) -> Iterator[Item]:
    for item in items:
        invocation.environment.check_cancelled()
        yield item


def _outcome(tally: Tally, trace: Trace) -> Outcome:
    row = {
        "created": tally.created,
        "known": tally.known,
        "kinds": {kind.value: count for kind, count in tally.kinds.items()},
        "bad": [
            {"source": bad.source, "line": bad.line, "reason": bad.reason} for bad in tally.bad
        ],
    }

    def text(terminal: Terminal) -> None:
        for bad in tally.bad[:_SHOWN]:
            terminal.note(f"{place_of(bad)}: {bad.reason}")
        if len(tally.bad) > _SHOWN:
            terminal.note(f"... and {len(tally.bad) - _SHOWN:,} more; --json lists them all")
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in tally.kinds.items() if count)
        terminal.line(
            f"{tally.created:,} remembered, {tally.known:,} already known"
            + (f" ({kinds})" if kinds else "")
        )

    partly = any(bad.fatal for bad in tally.bad)
    return Outcome([row], text, trace, ExitStatus.PARTLY_DONE if partly else ExitStatus.OK)
