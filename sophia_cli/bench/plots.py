"""The report's charts: which figures of a run are drawn, and how."""

from __future__ import annotations

from sophia_cli.bench.charts import (
    Chart,
    Frame,
    Scale,
    Series,
    Tick,
    around,
    round_steps,
)
from sophia_cli.bench.results import Figure, Load, RecallAt, Run
from sophia_cli.bench.statistics import Estimate

_WIDE = Frame(1040, 340)
_HALF = Frame(508, 250)
_DOT = 9


def distributions(run: Run) -> Chart | None:
    """How many calls were answered within how long: one line a scenario, its first latency."""
    shown = [
        (scenario.name, figure)
        for scenario in run.scenarios
        for figure in scenario.figures[:1]
        if figure.unit == "ms" and figure.quantiles and figure.quantiles[0] > 0
    ]
    if not shown:
        return None
    frame = _WIDE
    targets = [figure.target.value for _, figure in shown if figure.target]
    values = [value for _, figure in shown for value in _most(figure)]
    x = Scale(*around([*values, *targets]), frame.left, frame.width - frame.right, base=10)
    y = Scale(0, 100, frame.height - frame.bottom, frame.top)
    series = tuple(
        Series(
            f"{name}: {figure.name}",
            colour,
            tuple(
                (x(value), y(100 * place / (len(figure.quantiles) - 1)))
                for place, value in enumerate(figure.quantiles)
            ),
            target=Tick(x(figure.target.value), f"{figure.target.value:g} ms")
            if figure.target
            else None,
        )
        for colour, (name, figure) in enumerate(shown)
    )
    return Chart(
        "Latency distributions",
        frame,
        "milliseconds, logarithmic",
        "calls answered within it, %",
        x.decades(),
        y.ticks(range(0, 101, 25)),
        series,
    )


def loads(run: Run) -> list[tuple[Chart, Chart]]:
    """For each call that was measured under load: its throughput, and its latency beside it."""
    by_name: dict[str, list[Load]] = {}
    for scenario in run.scenarios:
        for load in scenario.loads:
            by_name.setdefault(load.name, []).append(load)
    return [(_throughput(name, each), _latency(name, each)) for name, each in by_name.items()]


def recall(measured: RecallAt) -> Chart:
    """The share of the evidence among the first k, a row a kind of question, with intervals."""
    kinds = list(measured.values)
    depths = sorted({k for by_k in measured.values.values() for k in by_k})
    height = _DOT * (len(depths) + 1.5)
    frame = Frame(1040, 66 + round(height * len(kinds)), left=190)
    x = Scale(0, 100, frame.left, frame.width - frame.right)
    rows = [round(frame.top + height * (place + 0.5), 1) for place in range(len(kinds))]
    series = []
    for colour, k in enumerate(depths):
        lift = _DOT * (colour - (len(depths) - 1) / 2)
        found = [
            (row + lift, measured.values[kind][k])
            for kind, row in zip(kinds, rows, strict=True)
            if k in measured.values[kind]
        ]
        series.append(
            Series(
                f"the first {k}",
                colour,
                tuple((x(100 * share.value), at) for at, share in found),
                joined=False,
                dotted=True,
                whiskers=tuple(
                    ((x(100 * share.low), at), (x(100 * share.high), at)) for at, share in found
                ),
            )
        )
    return Chart(
        f"Recall by kind of question: {measured.name}",
        frame,
        "evidence found, %, with its 95 % interval",
        "",
        x.ticks(range(0, 101, 20)),
        tuple(
            Tick(row, f"{kind} ({measured.questions.get(kind, 0):,})")
            for kind, row in zip(kinds, rows, strict=True)
        ),
        tuple(series),
    )


def _throughput(name: str, levels: list[Load]) -> Chart:
    return _against_clients(
        f"{name}: throughput",
        "calls a second",
        levels,
        [("all clients together", [load.throughput for load in levels])],
    )


def _latency(name: str, levels: list[Load]) -> Chart:
    lines = [("median", [load.latency for load in levels])]
    tails = [load.p95 for load in levels if load.p95]
    if len(tails) == len(levels):
        lines.append(("95th percentile", tails))
    return _against_clients(f"{name}: latency", "milliseconds", levels, lines)


def _against_clients(
    title: str, unit: str, levels: list[Load], lines: list[tuple[str, list[Estimate]]]
) -> Chart:
    frame = _HALF
    clients = [load.clients for load in levels]
    x = Scale(
        clients[0], max(clients[-1], 2 * clients[0]), frame.left + 24, frame.width - 40, base=2
    )
    steps = round_steps(max(each.high for _, line in lines for each in line))
    y = Scale(0, steps[-1], frame.height - frame.bottom, frame.top)
    return Chart(
        title,
        frame,
        "clients",
        unit,
        x.ticks(clients),
        tuple(Tick(y(step), f"{step:,g}") for step in steps),
        tuple(
            Series(
                label,
                colour,
                tuple((x(n), y(each.value)) for n, each in zip(clients, line, strict=True)),
                dotted=True,
                dashed=colour > 0,
                whiskers=tuple(
                    ((x(n), y(each.low)), (x(n), y(each.high)))
                    for n, each in zip(clients, line, strict=True)
                ),
            )
            for colour, (label, line) in enumerate(lines)
        ),
    )


def _most(figure: Figure) -> tuple[float, float]:
    """What all but one sample in two hundred lie between."""
    return figure.quantiles[1], figure.quantiles[-2]
