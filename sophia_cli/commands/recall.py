"""`sophia recall`: the best memories for a question."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.api.results import recalled_to_json
from sophia_cli.commands.options import (
    AgentOption,
    DiverseOption,
    ExplainOption,
    KindOption,
    LimitOption,
    NowOption,
    SessionOption,
    SinceOption,
    TagOption,
    UntilOption,
    UserOption,
    kinds_of,
    limit_of,
    moment_of,
    text_of,
    where_of,
)
from sophia_cli.commands.rendering import show_recalled
from sophia_cli.invocation import Invocation
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_text
from sophia_cli.terminal import Outcome


def command(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="The question; - reads it from stdin.")],
    limit: LimitOption = None,
    kind: KindOption = None,
    user: UserOption = None,
    agent: AgentOption = None,
    session: SessionOption = None,
    tag: TagOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    now: NowOption = None,
    diverse: DiverseOption = False,
    explain: ExplainOption = False,
) -> Outcome:
    """Bring back the best memories for a question, by meaning and by words.

    \b
    Examples:
      sophia recall "which vector database did we pick?"
      sophia recall "who is our champion at Acme?" --kind business -n 3
      sophia recall "what broke?" --since 2026-11-01 --tag team=platform
      sophia recall "what did Ann decide last week?" --explain
      sophia recall "what do we know of Acme?" --diverse
      sophia recall "deploy steps" --json
    """
    invocation = Invocation.of(context)
    question = Question(
        checked_text(text_of(invocation, query), "the question"),
        kinds_of(kind),
        where_of(invocation, user, agent, session, tag, since, until),
        limit_of(limit, invocation.config.recall.limit),
        diverse=diverse,
        asked_at=None if now is None else moment_of(invocation, "--now", now),
    )
    return answer(invocation, question, explain=explain)


def answer(invocation: Invocation, question: Question, *, explain: bool) -> Outcome:
    """Asks the service and prints what came back; `similar` and `ask` do the same."""
    trace = Trace()
    candidates = invocation.config.recall.candidates
    with invocation.service() as service:
        found = service.recall(question, candidates, invocation.now, trace)
    if explain:
        trace.notes["says"] = trace.says
    return Outcome(
        [recalled_to_json(each, explain=explain) for each in found],
        lambda terminal: show_recalled(
            terminal, found, trace, explain=explain, verbose=invocation.verbose
        ),
        trace,
    )
