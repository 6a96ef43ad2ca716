"""`sophia down`: end the resident process and its engines."""

from __future__ import annotations

import typer

from sophia_cli.commands.status import engines_of
from sophia_cli.daemon.presence import stop
from sophia_cli.engines.users import EngineUse
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal


def command(context: typer.Context) -> Outcome:
    """End the resident process, also a frozen one, and the engines that nobody else uses.

    Nothing is lost: what was acknowledged is in PostgreSQL.

    \b
    Examples:
      sophia down
    """
    home = Invocation.of(context).home.prepare()
    stopped = ["resident process"] if stop(home) else []
    use = EngineUse(home)
    use.acquire()
    if use.last_user():
        stopped.extend(engine.title for engine in engines_of(home) if engine.stop())
    use.release()

    def text(terminal: Terminal) -> None:
        terminal.line(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")

    return Outcome([{"stopped": stopped}], text)
