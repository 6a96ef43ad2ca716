"""`sophia doctor`: everything is looked at, and what is wrong is named with what mends it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sophia_cli import wire
from sophia_cli.checks import registry
from sophia_cli.checks.beginning import begin
from sophia_cli.checks.check import Check
from sophia_cli.checks.fixing import Fix, Ran, fixes, run
from sophia_cli.checks.kept import Run, changes, keep, last_run
from sophia_cli.checks.running import TOTAL, Looked, look, worst_first
from sophia_cli.checks.scene import Scene
from sophia_cli.commands.doctor_page import (
    change_rows,
    explained_row,
    rows,
    show,
    show_changes,
    show_explained,
    show_ran,
    status_of,
    summary,
)
from sophia_cli.commands.options import path_of
from sophia_cli.errors import InvalidInput, Refused, SophiaError
from sophia_cli.help import Command, Group
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal

group = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None)
_ENDINGS = (".tar.gz", ".tgz")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    checks: Sequence[Check]
    deep: Sequence[Check]
    fix: bool
    yes: bool
    since: bool
    report: Path | None


@group.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Subjects or checks, with commas: QD,PG-07,redis.", metavar="NAMES"),
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended without a loss.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --fix: do not ask.")] = False,
    since: Annotated[
        bool, typer.Option("--since", help="Show what has changed since the last run.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also compare every point with the records.")
    ] = False,
    report: Annotated[
        str | None,
        typer.Option(help="Also write a bundle for support, a .tar.gz.", metavar="FILE"),
    ] = None,
) -> Outcome | int | None:
    """Look at everything that sophia stands on, and say what is wrong and what mends it.

    Each check does some work of its own and believes no server about itself; none changes anything.
    Exit status 3 when one failed, or could not be made. With --verbose all that was found is shown.

    \b
    Examples:
      sophia doctor
      sophia doctor --only postgres,RD-01 --verbose
      sophia doctor --since
      sophia doctor --fix
      sophia doctor --report report.tar.gz
      sophia doctor explain PG-07
    """
    given = (only, fix, yes, since, deep, report)
    if context.invoked_subcommand is not None:
        if any(given):
            raise InvalidInput("`sophia doctor explain` takes the number of a check and no option")
        return None
    invocation = Invocation.of(context)
    wanted = _wanted(invocation, only or [], fix, yes, since, deep, report)
    if invocation.opener is not None and _belongs_elsewhere(invocation, wanted):
        return wire.NOT_HERE
    return _doctor(invocation, wanted)


@group.command(cls=Command)
def explain(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="The number of a check.", metavar="NUMBER")],
) -> Outcome:
    """Say what a check looks at, why it matters, and how to mend what it finds.

    \b
    Examples:
      sophia doctor explain PG-07
    """
    del context
    check = registry.check_of(number)
    return Outcome([explained_row(check)], lambda terminal: show_explained(terminal, check))


def _wanted(
    invocation: Invocation,
    only: Sequence[str],
    fix: bool,
    yes: bool,
    since: bool,
    deep: bool,
    report: str | None,
) -> Wanted:
    if yes and not fix:
        raise InvalidInput("--yes is for --fix")
    path = None if report is None else path_of(invocation, report)
    if path is not None and not path.name.endswith(_ENDINGS):
        raise InvalidInput(f"{path.name}: a bundle is a .tar.gz file")
    checks = registry.chosen([name for names in only for name in names.split(",")])
    whole = registry.deep_checks() if deep else ()
    asked = {each.number for each in whole}
    checks = [each for each in checks if each.number not in asked]
    return Wanted(checks, whole, fix, yes, since, path)


def _belongs_elsewhere(invocation: Invocation, wanted: Wanted) -> bool:
    """Whether it is not for the resident process: what ends it, and what goes to hosts."""
    from sophia_cli.ops.inventory.reading import has_hosts

    if wanted.fix or wanted.deep:
        return True
    with contextlib.suppress(SophiaError):
        return has_hosts(invocation.loaded.path)
    return False


def _doctor(invocation: Invocation, wanted: Wanted) -> Outcome:
    started = time.monotonic()
    before, ran = last_run(invocation.home), list[Ran]()
    looked = _looked(invocation, wanted)
    if wanted.fix and (found := fixes(looked)):
        _agreed(invocation, found, yes=wanted.yes)
        options = [f"--{name}={value}" for name, value in invocation.options.items()]
        environment = invocation.environment
        ran = [run(each, options, environment.cwd, environment.variables) for each in found]
        looked = _looked(invocation, wanted)
    keep(invocation.home, before, looked, invocation.now)
    spent = time.monotonic() - started
    return _outcome(invocation, wanted, looked, before, ran, spent)


def _looked(invocation: Invocation, wanted: Wanted) -> list[Looked]:
    """Makes all checks on a scene of their own, and writes the bundle before it is closed."""
    with contextlib.ExitStack() as stack:
        scene = Scene(invocation, stack)
        scene.prepare(partial(begin, scene, wanted.checks))
        count = len(wanted.checks) + len(wanted.deep)
        with invocation.terminal.progress("looking", count) as advance:
            found = look(wanted.checks, scene, TOTAL, lambda _: advance(1))
            if wanted.deep:
                more = look(wanted.deep, scene, registry.DEEP_TOTAL, lambda _: advance(1))
                found = worst_first([*found, *more])
        if wanted.report is not None:
            from sophia_cli.checks.bundle import write

            names = write(wanted.report, rows(found), scene)
            invocation.terminal.note(f"{wanted.report}: {len(names)} files")
        return found


def _outcome(
    invocation: Invocation,
    wanted: Wanted,
    looked: Sequence[Looked],
    before: Run,
    ran: Sequence[Ran],
    seconds: float,
) -> Outcome:
    changed = list(changes(before, looked))

    def text(terminal: Terminal) -> None:
        show_ran(terminal, ran)
        if wanted.since:
            show_changes(terminal, changed, before.at)
        else:
            show(terminal, looked, verbose=invocation.verbose, debug=invocation.debug)
        terminal.line(summary(looked, seconds))

    data = change_rows(changed) if wanted.since else rows(looked)
    return Outcome(data, text, exit_status=status_of(looked))


def _agreed(invocation: Invocation, found: Sequence[Fix], *, yes: bool) -> None:
    """Shows what would be run, and asks.

    Raises:
        Refused: the user said no, or nobody is there to ask.
    """
    environment = invocation.environment
    for each in found:
        invocation.terminal.note(f"would run: {each.command} ({', '.join(each.checks)})")
    if yes:
        return
    if not (environment.stdin.isatty() and environment.stderr.isatty()):
        raise Refused("nobody is there to ask", "say --yes to run what is named above")
    environment.stderr.write("run them? [y/N] ")
    environment.stderr.flush()
    if environment.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was run", "say y, or --yes")
