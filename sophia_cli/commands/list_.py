"""`sophia list`: the newest memories."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.commands.options import (
    AgentOption,
    KindOption,
    LimitOption,
    SessionOption,
    SinceOption,
    TagOption,
    UntilOption,
    UserOption,
    kinds_of,
    limit_of,
    where_of,
)
from sophia_cli.commands.rendering import facts, one_line
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.wire import memory_to_json
from sophia_cli.terminal import Outcome, Terminal

_PAGE = 20


def command(
    context: typer.Context,
    limit: LimitOption = None,
    kind: KindOption = None,
    user: UserOption = None,
    agent: AgentOption = None,
    session: SessionOption = None,
    tag: TagOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    before: Annotated[
        str | None, typer.Option(help="Older than this memory: the next page.", metavar="ID")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="With those that are superseded or expired.")
    ] = False,
) -> Outcome:
    """List memories, the newest first.

    \b
    Examples:
      sophia list -n 50
      sophia list --kind coding --user ann --since yesterday
      sophia list --before 0198c2f1-7a3b-7c11-8e53-1f0c9ad2be44
    """
    invocation = Invocation.of(context)
    trace = Trace(served_by="records")
    where = where_of(invocation, user, agent, session, tag, since, until)
    wanted = limit_of(limit, _PAGE)
    with invocation.service() as service, trace.tier("records"):
        queries = service.records.queries
        memories = queries.newest(
            where,
            kinds_of(kind),
            wanted,
            now=None if all_ else invocation.now,
            before=None if before is None else queries.resolve(before),
        )

    def text(terminal: Terminal) -> None:
        if not memories:
            terminal.note("nothing was found")
        for memory in memories:
            terminal.line(one_line(memory.content))
            terminal.line(f"   {facts(memory)} · {memory.id}", style="dim")
        if len(memories) == wanted:
            terminal.note(f"next page: sophia list --before {memories[-1].id}")

    return Outcome([memory_to_json(memory) for memory in memories], text, trace)
