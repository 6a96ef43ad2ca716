"""`sophia stats`: what is stored and how each tier performs, measured."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated, Any, NoReturn

import typer

from sophia_cli.commands.stats_page import page
from sophia_cli.commands.watching import looking, pause_of
from sophia_cli.config.durations import format_duration
from sophia_cli.errors import InvalidInput
from sophia_cli.invocation import Invocation
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.statistics import statistics
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Outcome

Measured = tuple[dict[str, Any], Trace]


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
    pause = pause_of(interval)
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


def _watch(invocation: Invocation, pause: timedelta) -> NoReturn:
    title = f"every {format_duration(pause)}, until Ctrl-C"
    look = partial(_measured, invocation)
    with looking(invocation, look) as measure, invocation.terminal.live() as show:
        while True:
            measured, trace = measure()
            show(page(measured, f"{invocation.now:%H:%M:%S} UTC, {title}", trace.degraded))
            invocation.environment.wait(pause.total_seconds())
