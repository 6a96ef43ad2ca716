"""`sophia forget`: erase memories everywhere, with a receipt."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.api.results import recalled_to_json, receipt_to_json
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
from sophia_cli.errors import InvalidInput, Refused
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation
from sophia_cli.memory.answers import Recalled
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.service import Receipt
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_text
from sophia_cli.terminal import Outcome, Terminal


def command(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Ids, or their beginnings.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(help="What a recall of this brings.", metavar="TEXT")
    ] = None,
    limit: LimitOption = None,
    kind: KindOption = None,
    user: UserOption = None,
    agent: AgentOption = None,
    session: SessionOption = None,
    tag: TagOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be forgotten.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before forgetting by --query.")
    ] = False,
) -> Outcome:
    """Erase memories from every tier; reads each tier back and gives a receipt.

    The audit trail keeps that there was a memory, without what it said. With --query, look with
    --dry-run first: a recall always brings the nearest, however far.

    \b
    Examples:
      sophia forget 0198c2f1-7a3b-7c11-8e53-1f0c9ad2be44
      sophia forget --query "Dana's phone number" -n 3 --dry-run
      sophia forget --query "Dana's phone number" -n 1 --yes
    """
    invocation = Invocation.of(context)
    if bool(ids) == (query is not None):
        raise InvalidInput("give either ids or --query", "see sophia forget --help")
    trace = Trace()
    with invocation.service() as service:
        if query is None:
            chosen = [service.records.queries.resolve(id_) for id_ in ids or ()]
            found = [
                Recalled(memory, 0.0, {}) for memory in service.records.queries.get(chosen).values()
            ]
        else:
            question = Question(
                checked_text(query, "--query"),
                kinds_of(kind),
                where_of(invocation, user, agent, session, tag, since, until),
                limit_of(limit, 1),
            )
            candidates = invocation.config.recall.candidates
            found = service.recall(question, candidates, invocation.now, trace)
            chosen = [recalled.memory.id for recalled in found]
        if dry_run:
            return _would_forget(found, trace)
        if query is not None and chosen and not yes:
            _confirm(invocation, found)
        receipts = service.forget(chosen, invocation.now, trace) if chosen else []
    return _outcome(receipts, trace)


def _would_forget(found: list[Recalled], trace: Trace) -> Outcome:
    def text(terminal: Terminal) -> None:
        terminal.note(f"would forget {len(found)}:")
        for recalled in found:
            terminal.line(one_line(recalled.memory.content))
            terminal.line(f"   {facts(recalled.memory)} · {recalled.memory.id}", style="dim")

    return Outcome([recalled_to_json(each) for each in found], text, trace)


def _confirm(invocation: Invocation, found: list[Recalled]) -> None:
    """Asks on a terminal; without one, --yes must have been given."""
    environment = invocation.environment
    if invocation.terminal.json_mode or not environment.stdin.isatty():
        raise Refused(
            f"would forget {len(found)} found by --query, and cannot ask",
            "look with --dry-run, then give --yes",
        )
    for recalled in found:
        invocation.terminal.note(f"  {one_line(recalled.memory.content)}")
    environment.stderr.write(f"forget these {len(found)} for good? [y/N] ")
    environment.stderr.flush()
    if environment.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was forgotten")


def _outcome(receipts: list[Receipt], trace: Trace) -> Outcome:
    rows = [receipt_to_json(receipt) for receipt in receipts]

    def text(terminal: Terminal) -> None:
        if not receipts:
            terminal.note("nothing was found")
        for receipt in receipts:
            done = "forgotten" if receipt.complete else "forgotten, not yet everywhere"
            terminal.line(f"{done} {receipt.id}")
            tiers = " · ".join(f"{tier} {state}" for tier, state in receipt.tiers.items())
            terminal.line(f"   {tiers}", style="dim")

    complete = all(receipt.complete for receipt in receipts)
    return Outcome(rows, text, trace, ExitStatus.OK if complete else ExitStatus.PARTLY_DONE)
