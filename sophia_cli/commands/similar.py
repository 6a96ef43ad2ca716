"""`sophia similar`: the nearest memories by meaning alone."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.commands.options import (
    AgentOption,
    DiverseOption,
    ExplainOption,
    KindOption,
    LimitOption,
    SessionOption,
    SinceOption,
    TagOption,
    UntilOption,
    UserOption,
    kinds_of,
    limit_of,
    text_of,
    where_of,
)
from sophia_cli.commands.recall import answer
from sophia_cli.invocation import Invocation
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.validation import checked_text
from sophia_cli.terminal import Outcome


def command(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="What to compare with; - reads it from stdin.")],
    limit: LimitOption = None,
    kind: KindOption = None,
    user: UserOption = None,
    agent: AgentOption = None,
    session: SessionOption = None,
    tag: TagOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    diverse: DiverseOption = False,
    explain: ExplainOption = False,
) -> Outcome:
    """Find the memories nearest to a text, by the meaning of the whole, not by its words.

    \b
    Examples:
      sophia similar "login fails after the token expires"
      sophia similar - --kind coding -n 5 < error.log
    """
    invocation = Invocation.of(context)
    question = Question(
        checked_text(text_of(invocation, text)),
        kinds_of(kind),
        where_of(invocation, user, agent, session, tag, since, until),
        limit_of(limit, invocation.config.recall.limit),
        by_meaning=True,
        diverse=diverse,
    )
    return answer(invocation, question, explain=explain)
