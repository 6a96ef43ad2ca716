"""`sophia exec`: one command on chosen hosts."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from sophia_cli.config.durations import parse_duration
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "red")


def command(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(help="The command, behind --.", metavar="CMD...")],
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on", help="Only hosts of this; may be repeated.", metavar="NAME|ROLE|LABEL"
        ),
    ] = None,
    sudo: Annotated[bool, typer.Option("--sudo", help="Run it as root.")] = False,
    timeout: Annotated[
        str | None,
        typer.Option(
            help="How long it may take; by default ssh.command_timeout.", metavar="DURATION"
        ),
    ] = None,
) -> Outcome:
    """Run a command on the hosts of the inventory, on several at once.

    One word is taken as a line for the shell, several as a program and its arguments. Each line of
    output bears its host's name. Exit status 6 says that it failed on some host, 4 that none could
    be reached.

    \b
    Examples:
      sophia exec -- uptime
      sophia exec --on qdrant -- "df -h /data | tail -1"
      sophia exec --on db-1 --on rack-2 --sudo --timeout 1m -- systemctl restart chrony
    """
    from rich.text import Text

    from sophia_cli.ops.connection.everywhere import chosen, run_everywhere
    from sophia_cli.ops.connection.protocol import Command
    from sophia_cli.ops.connection.redaction import Redactor

    invocation = Invocation.of(context)
    inventory, terminal = invocation.inventory.inventory, invocation.terminal
    names = chosen(inventory, on or [])
    width = max(map(len, names))
    colours = {name: _COLOURS[n % len(_COLOURS)] for n, name in enumerate(names)}

    def show(host: str, line: str) -> None:
        text = Text.assemble((f"{host:{width}} | ", colours[host]), _plain(line))
        terminal.out.print(text, soft_wrap=True)
        terminal.out.file.flush()

    redactor = Redactor()
    results = run_everywhere(
        inventory,
        names,
        Command(
            words[0] if len(words) == 1 else shlex.join(words),
            sudo=sudo,
            timeout=None if timeout is None else parse_duration(timeout).total_seconds(),
        ),
        None if terminal.json_mode else show,
        redactor,
        invocation.environment.cancelled,
    )
    invocation.environment.check_cancelled()

    def failures(terminal: Terminal) -> None:
        for result in results:
            if result.error is not None:
                terminal.note(result.error.message)
                terminal.note(f"  {result.error.hint}")
            elif result.finished is not None and not result.ok:
                terminal.note(f"{result.host}: exit status {result.finished.exit_status}")

    status = ExitStatus.OK
    if not any(result.reached for result in results):
        status = ExitStatus.UNREACHABLE
    elif not all(result.ok for result in results):
        status = ExitStatus.PARTLY_DONE
    return Outcome([each.as_json(redactor) for each in results], failures, exit_status=status)


def _plain(text: str) -> str:
    """Without what a terminal would take for a command."""
    return "".join(char if char.isprintable() or char == "\t" else " " for char in text)
