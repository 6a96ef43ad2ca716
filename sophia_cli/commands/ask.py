"""`sophia ask`: plain language, five kinds of sentences."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.commands import recall, remember, stats
from sophia_cli.commands.options import (
    ExplainOption,
    KindOption,
    LimitOption,
    UserOption,
    kinds_of,
    limit_of,
    text_of,
    where_of,
)
from sophia_cli.commands.rendering import one_line
from sophia_cli.invocation import Invocation
from sophia_cli.memory.asking import Intent, Understood, understand
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_text
from sophia_cli.terminal import Outcome, Terminal


def command(
    context: typer.Context,
    sentence: Annotated[str, typer.Argument(help="What you would say; - reads it from stdin.")],
    limit: LimitOption = None,
    kind: KindOption = None,
    user: UserOption = None,
    explain: ExplainOption = False,
) -> Outcome:
    """Say it in plain language. It says first what it understood.

    \b
    Examples:
      sophia ask "Remember this architectural decision: all writes go through the outbox"
      sophia ask "What did we decide about the vector database?"
      sophia ask "Find similar bug fixes to authentication issues"
      sophia ask "Show me all discussions about customer health"
      sophia ask "Analyze memory performance"
    """
    invocation = Invocation.of(context)
    understood = understand(checked_text(text_of(invocation, sentence), "the sentence"))
    outcome = _carried_out(invocation, understood, limit, kind, user, explain)
    outcome.trace.notes["understood"] = {
        "intent": understood.intent.value,
        "text": understood.text,
    }

    def text(terminal: Terminal) -> None:
        terminal.note(f"understood: {one_line(understood.sentence())}")
        outcome.text(terminal)

    return Outcome(outcome.data, text, outcome.trace, outcome.exit_status)


def _carried_out(
    invocation: Invocation,
    understood: Understood,
    limit: int | None,
    kind: Kind | None,
    user: str | None,
    explain: bool,
) -> Outcome:
    match understood.intent:
        case Intent.PERFORMANCE:
            return stats.answer(invocation)
        case Intent.REMEMBER:
            trace = Trace()
            draft = Draft(understood.text, kind=kind, user=user)
            with invocation.service() as service:
                stored = service.remember([draft], invocation.now, trace)[0]
            return remember.outcome_of(stored, trace, explain=explain)
        case intent:
            question = Question(
                understood.text,
                kinds_of(kind),
                where_of(invocation, user),
                limit_of(limit, understood.limit(invocation.config.recall.limit)),
                by_meaning=intent is Intent.SIMILAR,
            )
            return recall.answer(invocation, question, explain=explain)
