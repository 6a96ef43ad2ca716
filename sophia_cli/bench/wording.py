"""How figures are written, the same in the terminal and in the report."""

from __future__ import annotations

from sophia_cli.bench.compare import Change, Comparison
from sophia_cli.bench.results import Figure, Limit, Run, Skipped
from sophia_cli.bench.statistics import Estimate

NOTHING = "–"


def number(value: float) -> str:
    """Three digits that count, no exponent."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def with_unit(value: float, unit: str) -> str:
    """`5.21 ms`, `176/s`, `1.62 x`."""
    return f"{number(value)}{unit}" if unit.startswith("/") else f"{number(value)} {unit}"


def interval(estimate: Estimate) -> str:
    """`5.12 to 5.30`."""
    return f"{number(estimate.low)} to {number(estimate.high)}"


def limit(figure: Figure, kept: Limit | None) -> str:
    """`≤ 50 ms (p95)`; the percentile is left out where the figure has only one value."""
    if kept is None:
        return NOTHING
    sign = "≤" if figure.better == "lower" else "≥"
    of = f" ({kept.of})" if figure.quantiles else ""
    return f"{sign} {kept.value:g} {figure.unit}{of}"


def holds(figure: Figure) -> str:
    """Whether it keeps to the guide's target and to our bound, in a word or two."""
    if figure.target is None and figure.bound is None:
        return NOTHING
    missed = [
        name
        for name, kept in (("guide", figure.target), ("ours", figure.bound))
        if figure.keeps(kept) is False
    ]
    if missed:
        return f"no: {' and '.join(missed)}"
    limits = [kept for kept in (figure.target, figure.bound) if kept is not None]
    unknown = any(figure.keeps(kept) is None for kept in limits)
    return "too few samples" if unknown else "yes"


def skipped(of: Skipped) -> str:
    """What was not measured and why, in one line."""
    return f"Not measured, {of.what}: {of.reason}."


def moment(started: str) -> str:
    """When a run began: `2026-11-24 13:56 UTC`."""
    return f"{started[:10]} {started[11:16]} UTC"


def machine_lines(run: Run) -> tuple[str, str]:
    """The machine and what ran on it, in two lines."""
    machine = run.machine
    memory = f", {machine.memory_gb:.0f} GB" if machine.memory_gb else ""
    versions = " · ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"{machine.processor}, {machine.cores} cores{memory}, {machine.system}, "
        f"GPU: {machine.gpu}, load {machine.load:.1f} at the start",
        f"{run.model} · Python {machine.python} · {versions}",
    )


def percent(change: float) -> str:
    """`+12 %`."""
    return f"{100 * change:+.0f} %"


def change(of: Change) -> str:
    """By how much a figure changed: `+12 %`, or `-3.1 points` of a share."""
    return f"{of.change:+.1f} points" if of.unit == "%" else percent(of.change)


def machine_change(of: Change) -> str:
    """By how much the machine itself was faster and slower at the fixed work: `-3 to +12 %`."""
    low, high = of.machine
    return NOTHING if low == high else f"{100 * low:+.0f} to {100 * high:+.0f} %"


def summary(comparison: Comparison) -> str:
    """`2 worse, 1 better, 17 the same.`"""
    worse, better, same = (len(comparison.of(each)) for each in ("worse", "better", "same"))
    return f"{worse} worse, {better} better, {same} the same."


def share(estimate: Estimate | None) -> str:
    """A share as percent with its interval."""
    if estimate is None:
        return NOTHING
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.value:.1f} % ({low:.1f} to {high:.1f})"
