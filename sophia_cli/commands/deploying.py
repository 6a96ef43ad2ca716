"""What `plan`, `deploy` and `rollback` share: a deployment over the user's files, and its view."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sophia_cli.commands.deploy_view import DeployView
from sophia_cli.commands.plan_view import show_plan, summary
from sophia_cli.errors import Refused
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation
from sophia_cli.ops.deployment import Deployment, Done, opened
from sophia_cli.ops.kept import Kept
from sophia_cli.ops.plan import Plan
from sophia_cli.ops.plan_file import check_same
from sophia_cli.ops.recipe import Recipe
from sophia_cli.terminal import Outcome, Terminal


@contextlib.contextmanager
def deployment_of(
    invocation: Invocation, recipe: Recipe | None = None
) -> Iterator[tuple[Deployment, DeployView]]:
    """A deployment of the user's inventory, or of another recipe, with its view."""
    recipe = recipe or Recipe.of(invocation.inventory)
    environment = invocation.environment
    view = DeployView(invocation.terminal, list(recipe.inventory.hosts), verbose=invocation.verbose)
    with opened(
        recipe,
        Kept.of(invocation.home, recipe.inventory.cluster),
        tell=view.tell,
        say=view.say,
        now=environment.now,
        variables=environment.variables,
        cancelled=environment.cancelled,
    ) as deployment:
        yield deployment, view


def carried_out(
    invocation: Invocation,
    deployment: Deployment,
    view: DeployView,
    agreed: Plan | None,
    phases: list[str],
    purpose: str,
    *,
    yes: bool,
    breaking: bool,
    saved: dict[str, object] | None = None,
) -> Outcome:
    """Asks, locks, plans, looks whether it is what was agreed on, and applies.

    Args:
        agreed: the plan that was shown; None where the plan is made under the lock alone.
        saved: a plan from a file, that today's must be the same as.

    Raises:
        Refused: the user said no, or there is no terminal to ask; or what is there has moved.
    """
    if agreed is not None and agreed.open and not yes:
        ask(invocation, f"{summary(agreed)}; go on?")
    hosts = list(deployment.site.inventory.hosts)
    with view, deployment.locked(hosts, purpose, breaking=breaking) as leases:
        plan = deployment.plan(phases)
        if saved is not None:
            check_same(saved, plan)
        elif agreed is not None:
            check_same(agreed.as_json(), plan)
        done = deployment.apply(plan, leases)
    return _outcome(plan, done)


def ask(invocation: Invocation, question: str) -> None:
    """Asks the user on their terminal.

    Raises:
        Refused: they said no, or nobody is there to ask.
    """
    environment = invocation.environment
    if not (environment.stdin.isatty() and environment.stderr.isatty()):
        raise Refused("nobody is there to ask", "look at `sophia plan`, then say --yes")
    environment.stderr.write(f"{question} [y/N] ")
    environment.stderr.flush()
    if environment.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was done", "say y, or --yes")


def shown(terminal: Terminal, deployment: Deployment, plan: Plan, *, verbose: bool) -> None:
    """Shows a plan before it is asked about."""
    show_plan(terminal, plan, deployment.redactor.text, verbose=verbose, diff=True)


def _outcome(plan: Plan, done: Done) -> Outcome:
    applied = done.applied

    def show(terminal: Terminal) -> None:
        if applied.changed:
            terminal.line(f"{applied.changed} changed, {applied.unchanged} as they should be")
        else:
            terminal.line("no changes")
        for fault in done.left:
            terminal.note(fault)
        terminal.note(f"sophia journal --run {done.run}")

    row = {
        "run": done.run,
        "phases": [playbook.phase for playbook in plan.phases],
        "changed": applied.changed,
        "unchanged": applied.unchanged,
        "gates": applied.gates,
        "left": list(done.left),
    }
    status = ExitStatus.PARTLY_DONE if done.left else ExitStatus.OK
    return Outcome([row], show, exit_status=status)
