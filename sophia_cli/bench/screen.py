"""A run as people see it in the terminal: the machine, and a table a scenario."""

from __future__ import annotations

from sophia_cli.bench import wording
from sophia_cli.bench.compare import Comparison
from sophia_cli.bench.results import RecallAt, Run, ScenarioResult
from sophia_cli.bench.statistics import Estimate
from sophia_cli.terminal import Terminal


def show_run(terminal: Terminal, run: Run) -> None:
    """Every figure with its interval, the guide's target, our bound, and whether it holds."""
    for line in wording.machine_lines(run):
        terminal.line(line, style="dim")
    for scenario in run.scenarios:
        terminal.line()
        store = "" if scenario.memories is None else f", {scenario.memories:,} memories"
        terminal.line(f"{scenario.name}{store}", style="bold")
        _figures(terminal, scenario)
        _loads(terminal, scenario)
        for measured in scenario.recalls:
            _recall(terminal, measured)
        for skipped in scenario.skipped:
            terminal.line(wording.skipped(skipped))


def show_comparison(terminal: Terminal, comparison: Comparison) -> None:
    """What became worse or better, and by how much the machine itself differed."""
    terminal.line()
    terminal.table(
        *("compared", "before", "now", "change", "the machine", "verdict"),
        rows=[
            [
                f"{change.scenario}: {change.name}",
                wording.with_unit(change.before, change.unit),
                wording.with_unit(change.now, change.unit),
                wording.change(change),
                wording.machine_change(change),
                change.verdict,
            ]
            for change in comparison.changes
        ],
    )
    for note in comparison.notes:
        terminal.line(note)
    terminal.line(wording.summary(comparison), style="bold")


def _figures(terminal: Terminal, scenario: ScenarioResult) -> None:
    if scenario.figures:
        terminal.table(
            *("figure", "median", "95 % interval", "p95", "p99", "guide", "ours", "holds"),
            rows=[
                [
                    figure.name,
                    wording.with_unit(figure.value.value, figure.unit),
                    wording.interval(figure.value),
                    _tail(figure.p95),
                    _tail(figure.p99),
                    wording.limit(figure, figure.target),
                    wording.limit(figure, figure.bound),
                    wording.holds(figure),
                ]
                for figure in scenario.figures
            ],
        )
        for figure in scenario.figures:
            if figure.note:
                terminal.line(f"{figure.name}: {figure.note}", style="dim")


def _loads(terminal: Terminal, scenario: ScenarioResult) -> None:
    if scenario.loads:
        terminal.table(
            *("under load", "clients", "throughput", "95 % interval", "median", "p95"),
            rows=[
                [
                    load.name,
                    str(load.clients),
                    wording.with_unit(load.throughput.value, "/s"),
                    wording.interval(load.throughput),
                    wording.with_unit(load.latency.value, "ms"),
                    _tail(load.p95),
                ]
                for load in scenario.loads
            ],
        )


def _recall(terminal: Terminal, measured: RecallAt) -> None:
    depths = sorted({k for by_k in measured.values.values() for k in by_k})
    terminal.table(
        *(measured.name, "questions", *(f"recall@{k}" for k in depths)),
        rows=[
            [
                kind,
                f"{measured.questions.get(kind, 0):,}",
                *(wording.share(by_k.get(k)) for k in depths),
            ]
            for kind, by_k in measured.values.items()
        ],
    )


def _tail(estimate: Estimate | None) -> str:
    return wording.NOTHING if estimate is None else wording.number(estimate.value)
