"""`sophia show`: one memory, with its links."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.wire import memory_to_json
from sophia_cli.terminal import Outcome, Terminal


def command(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")],
) -> Outcome:
    """Show one memory with all its fields and links.

    \b
    Examples:
      sophia show 0198c2f1-7a3b-7c11-8e53-1f0c9ad2be44
      sophia show 0198c2f17a3b --json
    """
    invocation = Invocation.of(context)
    trace = Trace(served_by="records")
    with invocation.service() as service, trace.tier("records"):
        memory = service.get(service.records.queries.resolve(id_))
        links = service.records.queries.links(memory.id)
    row = memory_to_json(memory) | {
        "links": [
            {"source": str(link.source), "relation": link.relation, "target": str(link.target)}
            for link in links
        ]
    }

    def text(terminal: Terminal) -> None:
        terminal.line(memory.content)
        terminal.line()
        for name, value in row.items():
            if value not in (None, {}, []) and name not in ("content", "links"):
                shown = (
                    " ".join(f"{k}={v}" for k, v in value.items())
                    if isinstance(value, dict)
                    else value
                )
                terminal.line(f"{name:12} {shown}", style="dim")
        for link in links:
            terminal.line(f"{'link':12} {link.source} {link.relation} {link.target}", style="dim")

    return Outcome([row], text, trace)
