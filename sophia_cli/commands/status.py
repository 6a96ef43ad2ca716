"""`sophia status`: what runs."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import typer

from sophia_cli import __version__
from sophia_cli.daemon import presence
from sophia_cli.daemon.rest import presence as rest
from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.process import Engine
from sophia_cli.engines.valkey import Valkey
from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the home: its state is `running`, `stopped`, `not ready` or `frozen`."""

    name: str
    state: str
    pid: int | None
    detail: str

    def as_json(self) -> dict[str, Any]:
        """The part as `--json` prints it."""
        return asdict(self)


def command(context: typer.Context) -> Outcome:
    """Show whether the resident process and the engines of this home run and answer.

    Exit status 3 when something runs and does not answer.

    \b
    Examples:
      sophia status
      sophia status --json
    """
    parts = parts_of(Invocation.of(context).home)
    frozen = any(part.state == "frozen" for part in parts)
    return Outcome(
        [part.as_json() for part in parts],
        lambda terminal: show_parts(terminal, parts),
        exit_status=ExitStatus.UNHEALTHY if frozen else ExitStatus.OK,
    )


def engines_of(home: Home) -> list[Engine]:
    """The embedded engines that a home can have on this system."""
    engines: list[Engine] = [Postgres(home)]
    if Valkey.available():
        engines.append(Valkey(home))
    return engines


def parts_of(home: Home) -> list[Part]:
    """The state of every process of a home; nothing is started by looking."""
    parts = [_resident(home), _rest(home)]
    for engine in engines_of(home):
        running = home.locks.is_dir() and engine.running()
        state = ("running" if engine.answers() else "frozen") if running else "stopped"
        parts.append(
            Part(engine.title, state, engine.pid() if running else None, str(engine.socket))
        )
    return parts


def _resident(home: Home) -> Part:
    state, resident = presence.condition(home), presence.running(home)
    if resident is None:
        return Part("resident process", "stopped", None, "starts with the next command")
    if not resident.pid:
        return Part("resident process", "not ready", None, "it is starting")
    age = int(time.time() - resident.started_at)
    detail = f"version {resident.version}, up {age} s"
    if resident.version != __version__:
        detail += f"; this is {__version__}: the next command replaces it"
    if state is presence.Condition.NOT_READY:
        detail += "; it is starting, or finishing its last commands"
    if state is presence.Condition.FROZEN:
        detail += "; `sophia down` ends it"
    return Part("resident process", state.value, resident.pid, detail)


def _rest(home: Home) -> Part:
    state, detail = rest.condition(home)
    resident = presence.running(home)
    return Part("REST", state.value, resident.pid or None if resident else None, detail)


def show_parts(terminal: Terminal, parts: list[Part]) -> None:
    """The parts as a table."""
    terminal.table(
        "process",
        "state",
        "pid",
        "",
        rows=[[part.name, part.state, str(part.pid or ""), part.detail] for part in parts],
    )
