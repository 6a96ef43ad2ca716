"""`sophia repair`: the points and the caches are made what the records say."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_cli.commands.options import KindOption, kinds_of, path_of
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Outcome, Terminal

if TYPE_CHECKING:
    from sophia_cli.repair.mending import Mended
    from sophia_cli.repair.plan import Plan

_EXAMPLES = 3


def command(
    context: typer.Context,
    kind: KindOption = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; without, it is only shown.")
    ] = False,
    export: Annotated[
        str | None,
        typer.Option(
            help="Write the memories that only the vectors have, for sophia import.", metavar="FILE"
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a comparison that was interrupted.")
    ] = False,
) -> Outcome:
    """Compare everything with the records, and show or do what mends it.

    Points are written again from the records, points of what is over are deleted, caches dropped,
    a vector that is gone is made again. The records are never changed. What only the vectors have
    stays there, and can be exported.

    \b
    Examples:
      sophia repair
      sophia repair --apply
      sophia repair --export found.jsonl && sophia import found.jsonl
    """
    from sophia_cli.checks.digests.copies import copies_of
    from sophia_cli.checks.scene import Scene
    from sophia_cli.repair.exporting import export as export_to
    from sophia_cli.repair.mending import mend
    from sophia_cli.repair.plan import Action, plan

    invocation = Invocation.of(context)
    file = None if export is None else path_of(invocation, export)
    with contextlib.ExitStack() as stack:
        scene = Scene(invocation, stack)
        service, copies = scene.service, copies_of(scene)
        wait = _wait(invocation)
        with invocation.terminal.progress("comparing") as bar:
            planned = plan(
                service,
                copies,
                invocation.home.root,
                kinds_of(kind),
                resume=resume,
                advance=bar,
                wait=wait,
            )
        exported = None
        if file is not None and planned.has(Action.EXPORT):
            exported = export_to(planned.differences, copies, file)
        mended = None
        if apply and planned.steps:
            with invocation.terminal.progress("mending") as bar:
                mended = mend(service, copies, planned, advance=bar, wait=wait)
    return _outcome(planned, mended, exported, export)


def _wait(invocation: Invocation) -> Callable[[float], object]:
    """Waits as `time.sleep` does, until the user stops the command."""

    def wait(seconds: float) -> None:
        invocation.environment.check_cancelled()
        invocation.environment.wait(seconds)

    return wait


def _outcome(plan: Plan, mended: Mended | None, exported: int | None, file: str | None) -> Outcome:
    from sophia_cli.repair.plan import Action

    unknown = sum(step.count for step in plan.steps if step.action is Action.EXPORT)
    left = 0 if mended is None else len(mended.left) + mended.cached + mended.lacking
    unsaved = unknown - (exported or 0)
    rows = [
        {**step.as_json(), "done": None if mended is None else mended.done.get(step.action, 0)}
        for step in plan.steps
    ]

    def text(terminal: Terminal) -> None:
        for step in plan.steps:
            kind = f" {step.kind}" if step.kind is not None else ""
            terminal.line(f"{step.count:,}{kind}: {step.says}")
            for why in step.why:
                terminal.line(f"    {why}", style="dim")
            for id_ in step.ids[:_EXAMPLES]:
                terminal.line(f"    {id_}", style="dim")
        if exported is not None:
            terminal.line(f"{exported:,} exported: sophia import {file} takes them in again")
        if not plan.steps:
            terminal.line(f"{plan.points:,} points looked at: nothing to mend")
        elif mended is None:
            terminal.line("nothing was changed: sophia repair --apply does it")
        elif mended.complete:
            terminal.line("mended, and looked at again")
        else:
            terminal.line(f"{left:,} are not mended yet: run it again")
        if unsaved:
            terminal.line(f"{unsaved:,} points are in the vectors alone: give --export FILE")

    partly = mended is not None and (not mended.complete or bool(unsaved))
    return Outcome(
        rows,
        text,
        Trace(served_by="records"),
        ExitStatus.PARTLY_DONE if partly else ExitStatus.OK,
    )
