"""`sophia stats`: what is stored and how each tier performs, measured."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Annotated, Any, NoReturn

import typer

from sophia_cli.commands.stats_page import page
from sophia_cli.config.durations import format_duration, parse_duration
from sophia_cli.environment import Environment
from sophia_cli.errors import Interrupted, InvalidInput, Unreachable
from sophia_cli.invocation import Invocation
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.statistics import statistics
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Outcome

Measured = tuple[dict[str, Any], Trace]

_SHORTEST, _USUAL, _LONGEST = timedelta(milliseconds=100), timedelta(seconds=2), timedelta(hours=1)
_LOOK_UP = 0.1


def command(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    interval: Annotated[
        str | None,
        typer.Option(help="With --watch: how often; 2s unless given.", metavar="DURATION"),
    ] = None,
) -> Outcome:
    """Show each tier's size, hits, latencies, evictions, down time.

    All of it is measured by the process that runs the command: the resident process, since it
    opened the memory and in the last five minutes; with --no-daemon, this command alone.

    \b
    Examples:
      sophia stats
      sophia stats --watch --interval 5s
      sophia stats --json
    """
    invocation = Invocation.of(context)
    if not watch:
        if interval is not None:
            raise InvalidInput("--interval is for --watch")
        return answer(invocation)
    pause = _pause_of(interval)
    if invocation.terminal.json_mode:
        raise InvalidInput(
            "--watch is a view for people: with --json one object is printed",
            "run `sophia stats --json` as often as you want one",
        )
    return _watch(invocation, pause)


def answer(invocation: Invocation) -> Outcome:
    """The statistics of the process that runs the command; `ask` prints the same."""
    with invocation.service() as service:
        measured, trace = _measured(invocation, service)
    return Outcome([measured], lambda terminal: terminal.show(page(measured)), trace)


def _measured(invocation: Invocation, service: MemoryService) -> Measured:
    trace = Trace(served_by="records")
    return statistics(service, invocation.now, trace), trace


def _pause_of(given: str | None) -> timedelta:
    pause = _USUAL if given is None else parse_duration(given)
    if not _SHORTEST <= pause <= _LONGEST:
        bounds = f"{format_duration(_SHORTEST)} and {format_duration(_LONGEST)}"
        raise InvalidInput(f"--interval {given} is not between {bounds}")
    return pause


def _watch(invocation: Invocation, pause: timedelta) -> NoReturn:
    title = f"every {format_duration(pause)}, until Ctrl-C"
    with _measuring(invocation) as measure, invocation.terminal.live() as show:
        while True:
            measured, trace = measure()
            show(page(measured, f"{invocation.now:%H:%M:%S} UTC, {title}", trace.degraded))
            _wait(invocation.environment, pause)


@contextlib.contextmanager
def _measuring(invocation: Invocation) -> Iterator[Callable[[], Measured]]:
    """A function that measures now.

    The resident process's service is given back between two looks: a command with another
    configuration waits for those that have it.
    """

    def anew() -> Measured:
        with invocation.service() as service:
            return _measured(invocation, service)

    if invocation.opener is not None:
        yield anew
        return
    with invocation.service() as service:
        yield lambda: _measured(invocation, service)


def _wait(environment: Environment, pause: timedelta) -> None:
    """Waits for the next look.

    Raises:
        Interrupted: the user has seen enough, or is gone.
        Unreachable: the process that runs the command is to end.
    """
    deadline = time.monotonic() + pause.total_seconds()
    while (left := deadline - time.monotonic()) > 0:
        if environment.cancelled.wait(min(left, _LOOK_UP)):
            raise Interrupted("interrupted")
        if environment.ending():
            raise Unreachable("the resident process is ending", "run it again")
