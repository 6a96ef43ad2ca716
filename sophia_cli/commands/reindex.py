"""`sophia reindex`: rebuild the index from the records."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.commands.options import KindOption, kinds_of
from sophia_cli.invocation import Invocation
from sophia_cli.memory.rebuilding import re_embed, reindex
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Outcome, Terminal


def command(
    context: typer.Context,
    kind: KindOption = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Drop the collections first.")
    ] = False,
    re_embed_: Annotated[
        bool, typer.Option("--re-embed", help="Move the store to the configured model.")
    ] = False,
) -> Outcome:
    """Write every memory to the vectors again, from PostgreSQL, and remove what does not belong.

    With --re-embed every vector is made again with the configured model first: the way from one
    embedding model to another. Interrupted, it goes on where it was.

    \b
    Examples:
      sophia reindex
      sophia reindex --kind coding --from-scratch
      sophia reindex --re-embed
    """
    invocation = Invocation.of(context)
    trace = Trace(served_by="records")

    with (
        invocation.service() as service,
        invocation.terminal.progress("reindexing") as bar,
    ):

        def advance(count: int) -> None:
            invocation.environment.check_cancelled()
            bar(count)

        embedded = re_embed(service, advance) if re_embed_ else 0
        rebuilt = reindex(
            service, kinds_of(kind), invocation.now, advance, from_scratch=from_scratch
        )
    row = {"written": rebuilt.written, "orphans": rebuilt.orphans, "embedded": embedded}

    def text(terminal: Terminal) -> None:
        terminal.line(
            f"{rebuilt.written:,} written, {rebuilt.orphans:,} removed that had no memory"
            + (f", {embedded:,} embedded again" if re_embed_ else "")
        )

    return Outcome([row], text, trace)
