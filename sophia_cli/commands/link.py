"""`sophia link`: relate two memories."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from sophia_cli.errors import InvalidInput
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Outcome, Terminal

_RELATION = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def command(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="ID", help="The memory that relates.")],
    target: Annotated[str, typer.Argument(metavar="OTHER", help="The one it relates to.")],
    relation: Annotated[
        str, typer.Option(help="How; `supersedes` ends the other's validity.", metavar="NAME")
    ] = "related",
) -> Outcome:
    """Relate two memories. A superseded one is kept and no longer recalled.

    \b
    Examples:
      sophia link 0198c2f17a3b 0197aa0e11d2
      sophia link 0198c2f17a3b 0197aa0e11d2 --relation supersedes
    """
    invocation = Invocation.of(context)
    if not _RELATION.fullmatch(relation):
        raise InvalidInput(
            f"not a relation: {relation[:60]!r}", "a relation is one lower-case word: supersedes"
        )
    trace = Trace(served_by="records")
    with invocation.service() as service:
        queries = service.records.queries
        ids = queries.resolve(source), queries.resolve(target)
        created = service.link(ids[0], relation, ids[1], invocation.now, trace)
    row = {
        "source": str(ids[0]),
        "relation": relation,
        "target": str(ids[1]),
        "created": created,
    }

    def text(terminal: Terminal) -> None:
        done = "linked" if created else "already linked"
        terminal.line(f"{done}: {ids[0]} {relation} {ids[1]}")

    return Outcome([row], text, trace)
