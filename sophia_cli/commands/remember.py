"""`sophia remember`: store one memory."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.api.results import remembered_to_json
from sophia_cli.commands.options import (
    AgentOption,
    ExplainOption,
    KindChoice,
    SessionOption,
    TagOption,
    UserOption,
    expiry_of,
    moment_of,
    tags_of,
    text_of,
)
from sophia_cli.invocation import Invocation
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.memory.service import Remembered
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Outcome, Terminal


def command(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="What to remember; - reads it from stdin.")],
    kind: Annotated[
        KindChoice, typer.Option(help="The kind of memory; auto decides by its words.")
    ] = KindChoice.AUTO,
    user: UserOption = None,
    agent: AgentOption = None,
    session: SessionOption = None,
    speaker: Annotated[str | None, typer.Option(help="Who said it.", metavar="NAME")] = None,
    tag: TagOption = None,
    at: Annotated[str | None, typer.Option(help="When it was said.", metavar="TIME")] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 30d, or a date.", metavar="TIME")
    ] = None,
    explain: ExplainOption = False,
) -> Outcome:
    """Store one memory. The same text in the same scope keeps its id.

    \b
    Examples:
      sophia remember "We chose Qdrant over Weaviate because of filtering speed"
      sophia remember "Acme renewed for 40 seats" --kind business --tag customer=acme
      sophia remember "Freeze until Monday" --expires 3d --speaker Dana
      git log -1 --format=%B | sophia remember -
    """
    invocation = Invocation.of(context)
    draft = Draft(
        text_of(invocation, text),
        kind=None if kind is KindChoice.AUTO else Kind(kind.value),
        user=user,
        agent=agent,
        session=session,
        speaker=speaker,
        said_at=None if at is None else moment_of(invocation, "--at", at),
        tags=tags_of(tag),
        expires_at=expiry_of(invocation, expires),
    )
    trace = Trace()
    with invocation.service() as service:
        stored = service.remember([draft], invocation.now, trace)[0]
    return outcome_of(stored, trace, explain=explain)


def outcome_of(stored: Remembered, trace: Trace, *, explain: bool) -> Outcome:
    """What `remember` prints; `ask` prints the same."""
    trace.served_by = "records"

    def text(terminal: Terminal) -> None:
        done = "remembered" if stored.created else "already known"
        terminal.line(f"{done} {stored.id} ({stored.kind.value})")
        if explain:
            terminal.note(f"  {stored.why}")

    return Outcome([remembered_to_json(stored, explain=explain)], text, trace)
