"""`sophia deploy`: brings the hosts to what the inventory and the playbooks say."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.errors import InvalidInput
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome


def command(
    context: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PHASE]...|PLAN", help="Phases by name or number, or a plan; all without one."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    break_lock: Annotated[
        bool, typer.Option("--break-lock", help="Take the lock of whoever holds it.")
    ] = False,
) -> Outcome:
    """Bring the hosts to what the inventory and the playbooks say, and show that it works.

    What is as it should be is left alone; each change is looked at before and after it; a gate that
    does not open stops what comes after it. Ended anywhere, it goes on from there when it is run
    again.

    \b
    Examples:
      sophia deploy
      sophia deploy qdrant memory --yes
      sophia deploy tonight.plan
    """
    from sophia_cli.commands.deploying import carried_out, deployment_of, shown
    from sophia_cli.ops.plan_file import read_plan

    invocation = Invocation.of(context)
    words = what or []
    files = [word for word in words if invocation.path(word).is_file()]
    if files and len(words) > 1:
        raise InvalidInput("a plan says itself which phases it is for", "name the plan alone")
    saved = read_plan(invocation.path(files[0])) if files else None
    phases = list(saved["phases"]) if saved is not None else words
    with deployment_of(invocation) as (deployment, view):
        agreed = None
        if saved is None and not yes:
            agreed = deployment.plan(phases)
            if not invocation.terminal.json_mode:
                shown(invocation.terminal, deployment, agreed, verbose=invocation.verbose)
        return carried_out(
            invocation,
            deployment,
            view,
            agreed,
            phases,
            f"deploy {' '.join(words)}".strip(),
            yes=yes,
            breaking=break_lock,
            saved=None if saved is None else dict(saved),
        )
