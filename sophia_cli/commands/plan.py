"""`sophia plan`: what a deployment would do, without doing it."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.commands.options import path_of
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome


def command(
    context: typer.Context,
    phases: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PHASE]...", help="Names or numbers; all without one."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Write the plan, for sophia deploy.", metavar="FILE")
    ] = None,
    diff: Annotated[bool, typer.Option(help="Show what changes in each file.")] = True,
) -> Outcome:
    """Show what a deployment would change on each host, and change nothing.

    With --verbose also what is as it should be, and the commands. A plan that was written is
    carried out by `sophia deploy FILE`, or refused if the hosts have moved since.

    \b
    Examples:
      sophia plan
      sophia plan qdrant memory
      sophia plan --out tonight.plan && sophia deploy tonight.plan
    """
    from sophia_cli.commands.deploying import deployment_of
    from sophia_cli.commands.plan_view import show_plan
    from sophia_cli.ops.plan_file import write_plan

    invocation = Invocation.of(context)
    file = None if out is None else path_of(invocation, out)
    with deployment_of(invocation) as (deployment, _):
        plan = deployment.plan(phases or ())
        redact = deployment.redactor.text
        if file is not None:
            write_plan(file, plan, redact)
            invocation.terminal.note(f"written to {file}: sophia deploy {file}")
    return Outcome(
        [task.as_json(redact) for task in plan.open],
        lambda terminal: show_plan(terminal, plan, redact, verbose=invocation.verbose, diff=diff),
    )
