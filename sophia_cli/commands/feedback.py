"""`sophia feedback`: what was right, or wrong, for a question."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sophia_cli.commands.options import (
    AgentOption,
    KindOption,
    NowOption,
    SessionOption,
    UserOption,
    kinds_of,
    moment_of,
    text_of,
    where_of,
)
from sophia_cli.commands.rendering import facts, one_line
from sophia_cli.errors import InvalidInput
from sophia_cli.invocation import Invocation
from sophia_cli.memory.marking import check_recallable, mark_of
from sophia_cli.memory.searching import Question
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_text
from sophia_cli.terminal import Outcome, Terminal


def command(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids, or their beginnings.")],
    query: Annotated[
        str, typer.Option(help="The question; - reads it from stdin.", metavar="TEXT")
    ],
    wrong: Annotated[
        bool, typer.Option("--wrong", help="They do not answer it, though recall brought them.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the marks back.")] = False,
    kind: KindOption = None,
    user: UserOption = None,
    agent: AgentOption = None,
    session: SessionOption = None,
    now: NowOption = None,
) -> Outcome:
    """Mark what was right for a question, or --wrong: your own labelled set.

    Give the question and the options as you give them to recall. `sophia bench recall --own`
    measures on what is marked, `--fit` fits the ranking on it.

    \b
    Examples:
      sophia feedback 0198c2f17a3b --query "which vector database did we pick?"
      sophia feedback 0198c2f18d10 --query "which vector database did we pick?" --wrong
      sophia feedback 0198c2f18d10 --query "who is our champion?" --kind business --user ann
    """
    invocation = Invocation.of(context)
    if wrong and undo:
        raise InvalidInput("--wrong and --undo exclude each other")
    question = Question(
        checked_text(text_of(invocation, query), "the question"),
        kinds_of(kind),
        where_of(invocation, user, agent, session),
        asked_at=None if now is None else moment_of(invocation, "--now", now),
    )
    trace = Trace(served_by="records")
    with invocation.service() as service:
        known = [service.records.queries.resolve(id_) for id_ in ids]
        memories = [service.get(id_) for id_ in dict.fromkeys(known)]
        for memory in () if undo else memories:
            check_recallable(memory, question)
        marks = [mark_of(memory, question, not wrong, invocation.now) for memory in memories]
        feedback = service.records.feedback
        with trace.tier("records"):
            changed = [feedback.unmark(mark) if undo else feedback.mark(mark) for mark in marks]
    verdict = None if undo else "wrong" if wrong else "right"
    rows: list[dict[str, Any]] = [
        {
            "id": str(mark.memory_id),
            "query": mark.query,
            "verdict": verdict,
            "changed": each,
            "scope": dict(mark.scope),
        }
        for mark, each in zip(marks, changed, strict=True)
    ]

    def text(terminal: Terminal) -> None:
        for memory, each in zip(memories, changed, strict=True):
            done = f"marked {verdict}" if verdict else "no longer marked"
            if not each:
                done = f"is marked {verdict} already" if verdict else "was not marked"
            terminal.line(f"{done}: {one_line(memory.content)}")
            terminal.line(f"   {facts(memory)} · {memory.id}", style="dim")

    return Outcome(rows, text, trace)
