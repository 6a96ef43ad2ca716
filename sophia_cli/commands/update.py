"""`sophia update`: change a memory."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sophia_cli.commands.options import (
    KindOption,
    TagOption,
    expiry_of,
    moment_of,
    tags_of,
    text_of,
)
from sophia_cli.commands.rendering import facts
from sophia_cli.errors import InvalidInput
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.wire import memory_to_json
from sophia_cli.terminal import Outcome, Terminal


def command(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")],
    text: Annotated[
        str | None, typer.Argument(help="What it says from now on; - reads it from stdin.")
    ] = None,
    kind: KindOption = None,
    speaker: Annotated[str | None, typer.Option(help="Who said it.", metavar="NAME")] = None,
    tag: TagOption = None,
    at: Annotated[str | None, typer.Option(help="When it was said.", metavar="TIME")] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 30d, a date, or never.", metavar="TIME")
    ] = None,
) -> Outcome:
    """Change a memory; its history keeps what it said before. Tags are added to those it has.

    \b
    Examples:
      sophia update 0198c2f17a3b "We chose Qdrant 1.19 over Weaviate"
      sophia update 0198c2f17a3b --kind coding --tag team=platform --expires never
    """
    invocation = Invocation.of(context)
    change: dict[str, Any] = {}
    if text is not None:
        change["content"] = text_of(invocation, text)
    if kind is not None:
        change["kind"] = kind
    if speaker is not None:
        change["speaker"] = speaker
    if at is not None:
        change["said_at"] = moment_of(invocation, "--at", at)
    if expires is not None:
        change["expires_at"] = None if expires == "never" else expiry_of(invocation, expires)
    tags = tags_of(tag)
    if not change and not tags:
        raise InvalidInput("there is nothing to change", "give a text or an option; see --help")
    trace = Trace(served_by="records")
    with invocation.service() as service:
        known = service.records.queries.resolve(id_)
        if tags:
            change["tags"] = {**service.get(known).tags, **tags}
        memory = service.update(known, change, invocation.now, trace)

    def show(terminal: Terminal) -> None:
        terminal.line(f"updated {memory.id} (version {memory.version})")
        terminal.line(f"   {facts(memory)}", style="dim")

    return Outcome([memory_to_json(memory)], show, trace)
