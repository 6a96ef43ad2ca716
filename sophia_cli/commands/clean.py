"""`sophia clean`: away with what was there before."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_cli.commands.clean_code import code
from sophia_cli.help import Command, Group
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome

group = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None)
group.command(cls=Command)(code)


@group.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    on: Annotated[
        list[str] | None,
        typer.Option(help="A host, role or label; may be repeated; all without it."),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--everything", help="Every container and volume, and the usual services besides."
        ),
    ] = False,
    discard_data: Annotated[
        bool, typer.Option("--discard-data", help="Take no backup: what goes is gone for good.")
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option(help="The cluster's name, where nobody is to be asked.", metavar="NAME"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go.")] = False,
) -> Outcome | None:
    """Delete sophia and its data from hosts; with `code`, left-over code from a repository.

    Without --everything only what is sophia's own: its containers, units and data directories. What
    would go is shown with its size, a backup is taken on the host, and the cluster's name is to be
    typed. `sophia deploy` builds it up again.

    \b
    Examples:
      sophia clean --dry-run
      sophia clean --on qdrant-3
      sophia clean code . --apply
    """
    if context.invoked_subcommand is not None:
        return None
    from sophia_cli.commands.clean_hosts import clean_hosts
    from sophia_cli.commands.deploying import deployment_of
    from sophia_cli.ops.connection.everywhere import chosen
    from sophia_cli.ops.journal_event import What, new_run
    from sophia_cli.ops.operations.operation import Change
    from sophia_cli.ops.plan import said

    invocation = Invocation.of(context)
    with deployment_of(invocation) as (deployment, _):
        hosts = list(chosen(deployment.site.inventory, on or []))
        deployment.run = new_run(invocation.now)

        def noted(host: str, summary: str, change: Change) -> None:
            commands = tuple(map(said, change.actions))
            deployment.note(
                What.STEP_STARTED, phase="clean", host=host, summary=summary, commands=commands
            )

        return clean_hosts(
            invocation,
            deployment.site,
            hosts,
            everything=everything,
            discard_data=discard_data,
            confirm=confirm,
            dry_run=dry_run,
            locked=deployment.locked(hosts, "clean"),
            journal=noted,
        )
