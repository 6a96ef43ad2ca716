"""`sophia stats`: what is stored and how each tier performs, measured."""

from __future__ import annotations

from typing import Any

import typer

from sophia_cli.invocation import Invocation
from sophia_cli.memory.statistics import statistics
from sophia_cli.memory.trace import Trace
from sophia_cli.terminal import Outcome, Terminal


def command(context: typer.Context) -> Outcome:
    """Show sizes, counts and latency percentiles of each tier, measured since it started.

    \b
    Examples:
      sophia stats
      sophia stats --json
    """
    return answer(Invocation.of(context))


def answer(invocation: Invocation) -> Outcome:
    """The statistics of the process that runs the command; `ask` prints the same."""
    trace = Trace(served_by="records")
    with invocation.service() as service:
        measured = statistics(service, invocation.now, trace)
    return Outcome([measured], lambda terminal: _show(terminal, measured), trace)


def _show(terminal: Terminal, measured: dict[str, Any]) -> None:
    memories = measured["memories"]
    if "error" not in memories:
        names = ("live", "superseded", "expired", "forgotten")
        terminal.table(
            "kind",
            *names,
            "points",
            rows=[
                [
                    kind,
                    *(f"{counts[name]:,}" for name in names),
                    f"{measured['vectors'].get('points', {}).get(kind, 0):,}",
                ]
                for kind, counts in memories.items()
            ],
        )
        terminal.line()
    if measured["latencies"]:
        terminal.table(
            "operation or tier",
            "calls",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            rows=[
                [
                    name,
                    f"{each['calls']:,}",
                    f"{each['p50_ms']:.2f}",
                    f"{each['p95_ms']:.2f}",
                    f"{each['p99_ms']:.2f}",
                ]
                for name, each in measured["latencies"].items()
            ],
        )
        terminal.line()
    for name, value in (
        ("embedding", _pairs(measured["embedding"])),
        ("records", _pairs(measured["records"])),
        ("recalls served by", _pairs(measured["served"]) or "none yet"),
        ("process", _pairs(measured["process"])),
    ):
        terminal.line(f"{name}: {value}")


def _pairs(values: dict[str, Any]) -> str:
    return " · ".join(f"{name} {value}" for name, value in values.items())
