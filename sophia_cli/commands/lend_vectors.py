"""`sophia lend-vectors`, hidden: lends the edge engine to a command that runs beside us."""

from __future__ import annotations

import typer

from sophia_cli.daemon.borrowing import lend
from sophia_cli.errors import InvalidInput, Refused
from sophia_cli.invocation import Invocation

HIDDEN = True


def command(context: typer.Context) -> None:
    """Answer calls on the vectors, a line of JSON each, until stdin ends."""
    invocation = Invocation.of(context)
    environment = invocation.environment
    if not environment.resident:
        raise Refused("only the resident process lends its vectors")
    with invocation.service() as service:
        try:
            lend(service.vectors, environment.stdin, environment.stdout)
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInput("that is not a call on the vectors") from error
