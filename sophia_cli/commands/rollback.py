"""`sophia rollback`: back to the last good configuration and images."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.errors import NotFound
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal


def command(
    context: typer.Context,
    to: Annotated[
        int | None,
        typer.Option(help="Which release; without it, the last that is not as your files are now."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show the releases there are.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Outcome:
    """Deploy an earlier release: its inventory, playbooks and templates, as they were.

    Every phase that was deployed to its end became a release. Data is not taken back: that is what
    backups are for. Your sophia.yaml stays as it is; mend it before you deploy again.

    \b
    Examples:
      sophia rollback --list
      sophia rollback
      sophia rollback --to 3
    """
    from sophia_cli.commands.deploying import carried_out, deployment_of, shown
    from sophia_cli.ops.kept import Kept
    from sophia_cli.ops.recipe import Recipe
    from sophia_cli.ops.releases import Releases

    invocation = Invocation.of(context)
    kept = Kept.of(invocation.home, invocation.inventory.inventory.cluster)
    releases = Releases(kept.releases)
    known = releases.list()
    if list_:
        rows = [
            [
                str(each.number),
                f"{each.at:%Y-%m-%d %H:%M}",
                ", ".join(each.phases),
                each.version,
            ]
            for each in known
        ]

        def show(terminal: Terminal) -> None:
            terminal.table("release", "deployed", "phases", "sophia", rows=rows)

        return Outcome(
            [
                {"release": each.number, "at": each.at.isoformat(), "phases": list(each.phases)}
                for each in known
            ],
            show,
        )
    if to is None:
        today = Recipe.of(invocation.inventory).inputs().digest
        last = releases.last_good()
        if last is not None and last.digest == today:
            last = releases.last_good(before=last.number)
        if last is None:
            raise NotFound(
                "there is no earlier release", "each phase that is deployed to its end becomes one"
            )
        to = last.number
    release = releases.open(to)
    with deployment_of(invocation, Recipe.of_release(release)) as (deployment, view):
        phases = list(release.release.phases)
        agreed = deployment.plan(phases)
        if not invocation.terminal.json_mode:
            shown(invocation.terminal, deployment, agreed, verbose=invocation.verbose)
        return carried_out(
            invocation,
            deployment,
            view,
            agreed,
            phases,
            f"rollback to release {to}",
            yes=yes,
            breaking=False,
        )
