"""`sophia up`: start the resident process and its engines."""

from __future__ import annotations

import time

import typer

from sophia_cli.commands.status import engines_of, parts_of, show_parts
from sophia_cli.daemon.presence import start
from sophia_cli.home import Home
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome


def command(context: typer.Context) -> Outcome:
    """Start the resident process and its engines, and wait until they answer.

    Every command that needs them does this by itself.

    \b
    Examples:
      sophia up
    """
    invocation = Invocation.of(context)
    home = invocation.home.prepare()
    timeout = invocation.config.resident.start_timeout.total_seconds()
    start(home, timeout)
    if invocation.config.profile == "local":
        wait_for_engines(home, timeout)
    parts = parts_of(home)
    return Outcome([part.as_json() for part in parts], lambda terminal: show_parts(terminal, parts))


def wait_for_engines(home: Home, timeout: float) -> None:
    """Waits until the engines that the resident process starts take connections."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and not all(each.answers() for each in engines_of(home)):
        time.sleep(0.02)
