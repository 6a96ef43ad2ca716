"""`sophia history`: the audit trail of a memory."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sophia_cli.api.results import event_to_json
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Outcome, Terminal


def command(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")],
) -> Outcome:
    """Show what happened to a memory, also to one that was forgotten.

    \b
    Examples:
      sophia history 0198c2f1-7a3b-7c11-8e53-1f0c9ad2be44
    """
    invocation = Invocation.of(context)
    trace = Trace(served_by="records")
    with invocation.service() as service, trace.tier("records"):
        events = service.records.queries.history(service.records.queries.resolve(id_))
    rows = [event_to_json(event) for event in events]

    def text(terminal: Terminal) -> None:
        for event in events:
            detail = json.dumps(event.detail, ensure_ascii=False) if event.detail else ""
            terminal.line(f"{event.at:%Y-%m-%d %H:%M:%S}  {event.action:12} {detail}".rstrip())

    return Outcome(rows, text, trace)
