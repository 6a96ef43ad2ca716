"""`sophia hosts`: the hosts of the inventory, as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_cli.commands.hosts_trust import trust
from sophia_cli.exit_status import ExitStatus
from sophia_cli.help import Command, Group
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Outcome, Terminal

if TYPE_CHECKING:
    from sophia_cli.ops.overview import Look

_COLUMNS = ("name", "address", "roles", "reachable", "key", "os", "cpus", "memory", "disk free")

group = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None)
group.command(cls=Command)(trust)


@group.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on", help="Only hosts of this; may be repeated.", metavar="NAME|ROLE|LABEL"
        ),
    ] = None,
) -> Outcome | None:
    """Show the hosts of the inventory: whether each answers, the state of its key, what it is.

    Nothing is changed. A host is only logged in to where its key is the pinned one. Exit status 4
    says that one could not be reached, 5 that a key is not trusted; the others are shown all the
    same.

    \b
    Examples:
      sophia hosts
      sophia hosts --on qdrant --json
      sophia hosts trust
    """
    if context.invoked_subcommand is not None:
        return None
    from sophia_cli.ops.connection.everywhere import chosen
    from sophia_cli.ops.overview import looks

    invocation = Invocation.of(context)
    inventory = invocation.inventory.inventory
    cancelled = invocation.environment.cancelled
    found = looks(inventory, chosen(inventory, on or []), cancelled)
    invocation.environment.check_cancelled()

    def text(terminal: Terminal) -> None:
        terminal.table(*_COLUMNS, "gpu", "docker", rows=[_row(each) for each in found])

    trace = Trace(degraded=[_reason(each) for each in found if each.error])
    return Outcome([each.as_json() for each in found], text, trace, _status(found))


def _row(look: Look) -> list[str]:
    machine = look.machine
    known = [look.name, look.host.address, ", ".join(look.host.roles)]
    known += ["yes" if look.is_reachable else "no", look.key.value if look.key else "-"]
    if machine is None:
        return [*known, *["-"] * 6]
    return [
        *known,
        f"{machine.os} {machine.architecture}",
        str(machine.cpus),
        _gib(machine.memory_bytes),
        f"{_gib(machine.disk_free_bytes)} of {_gib(machine.disk_total_bytes)}",
        machine.gpu or "none",
        machine.docker or "none",
    ]


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"


def _reason(look: Look) -> str:
    error = look.error
    assert error is not None  # noqa: S101  (the caller looks)
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _status(found: Sequence[Look]) -> ExitStatus:
    """The gravest of what went wrong: a host that is away, then a key, then anything else."""
    if not all(look.is_reachable for look in found):
        return ExitStatus.UNREACHABLE
    errors = [look.error.exit_status for look in found if look.error]
    return max(errors, default=ExitStatus.OK)
