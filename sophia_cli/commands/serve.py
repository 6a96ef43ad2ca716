"""`sophia serve`: the resident process in the foreground, for systemd and containers."""

from __future__ import annotations

import typer

from sophia_cli.daemon.presence import running
from sophia_cli.daemon.process import serve
from sophia_cli.errors import Refused
from sophia_cli.invocation import Invocation


def command(context: typer.Context) -> int:
    """Run the resident process in the foreground until SIGTERM or Ctrl-C; it logs to stderr.

    \b
    Examples:
      sophia serve
    """
    invocation = Invocation.of(context)
    home = invocation.home.prepare()
    _ = invocation.config  # A mistake is said here, not in the log.
    resident = running(home)
    if resident is not None:
        raise Refused(
            f"the resident process of {home.root} runs already (pid {resident.pid})",
            "sophia down ends it",
        )
    return int(serve(home, foreground=True))
