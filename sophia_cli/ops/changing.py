"""The one gate of change: nothing else of sophia changes anything on a host of the cluster."""

from __future__ import annotations

from collections.abc import Callable

from sophia_cli.ops.connection.protocol import Command, Connection
from sophia_cli.ops.errors import CommandFailed
from sophia_cli.ops.operations.operation import Action, Change, Put, Run

_LAST_LINES = 6


def carry_out(
    connection: Connection,
    change: Change,
    on_action: Callable[[Action], None] = lambda _: None,
    on_output: Callable[[str], None] | None = None,
) -> None:
    """Does what a change says, in its order, up to the first action that fails.

    Args:
        on_action: gets each action before it is done.
        on_output: gets each line that a command prints, redacted.

    Raises:
        CommandFailed: an action failed; says the command, its status and its last words.
        OutcomeUnknown: the connection was lost in an action: it may be done or not.
        HostUnreachable, SudoRefused, HostKeyRefused: nothing more could be asked of the host.
    """
    for action in change.actions:
        on_action(action)
        match action:
            case Run(command):
                _run(connection, command, on_output)
            case Put(file):
                connection.put(file)


def _run(connection: Connection, command: Command, on_output: Callable[[str], None] | None) -> None:
    finished = connection.run(command, on_output)
    if finished.exit_status:
        words = (finished.stderr.strip() or finished.stdout.strip()).splitlines()
        said = "; ".join(line.strip() for line in words[-_LAST_LINES:] if line.strip())
        raise CommandFailed(
            f"{connection.host}: {_shown(command)}: status {finished.exit_status}"
            + (f": {said}" if said else "")
        )


def _shown(command: Command) -> str:
    text = " ".join(command.text.split())
    return text if len(text) <= 160 else f"{text[:157]}..."
