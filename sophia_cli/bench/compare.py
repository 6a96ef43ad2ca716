"""What got slower or worse since an earlier run, beyond what the machine itself explains.

On a shared machine the same program is 20 to 40 % slower one hour than another, its two threads
more so than its one, long calls more so than short ones, and a round trip to another process takes
0.01 ms or 0.06, as the scheduler likes. So a figure is called worse only if all of this holds:

1. More than the machine. Between its samples each figure has the times of fixed work beside it
   (`Pace`). The piece of it that slowed most from one run to the other says how far a time may
   have moved by itself.
2. Throughout. The best tenth of its samples moved as well as the median: what is slower is slower
   in a quiet moment too, and in visits spread over a run some moments are quiet. (So what slows
   few calls only is not found; the 95th and 99th percentiles are shown, and decide nothing.)
3. For certain. The 95 % confidence intervals of the medians do not overlap after 1.
4. Enough to matter: by 15 %, and by 0.25 ms where it is a time.

Better is the same the other way round. docs/bench.md has the runs this was tuned on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sophia_cli.bench.results import Figure, Load, PaceOf, RecallAt, Run, ScenarioResult
from sophia_cli.bench.statistics import Estimate

Verdict = Literal["worse", "better", "same"]

_LEAST = 0.15
_LEAST_MS = 0.25
_LEAST_POINTS = 2.0
_FEWEST_QUESTIONS = 2


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both runs.

    Attributes:
        before, now: its values, in `unit`.
        change: now / before - 1; for a share of evidence, percentage points.
        machine: by what share the machine's pace was lower at least and higher at most: (-0.02,
            0.12) where it took up to 12 % longer for the same work.
    """

    scenario: str
    name: str
    unit: str
    before: float
    now: float
    change: float
    machine: tuple[float, float]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes since the run that started then, and what could not be compared."""

    started: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    def of(self, verdict: Verdict) -> list[Change]:
        """The changes of one verdict."""
        return [change for change in self.changes if change.verdict == verdict]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def compare(before: Run, now: Run) -> Comparison:
    """Judges every figure that decides and is in both runs."""
    changes: list[Change] = []
    notes = list(_differences(before, now))
    earlier = {scenario.name: scenario for scenario in before.scenarios}
    for scenario in now.scenarios:
        known = earlier.pop(scenario.name, None)
        if known is None:
            notes.append(f"{scenario.name}: not in the earlier result")
        elif known.memories != scenario.memories:
            notes.append(
                f"{scenario.name}: not compared, on a store of {known.memories or 0:,} memories"
                f" then and of {scenario.memories or 0:,} now"
            )
        else:
            changes.extend(_changes(known, scenario))
    notes.extend(f"{name}: only in the earlier result" for name in earlier)
    return Comparison(before.started, tuple(changes), tuple(notes))


def _differences(before: Run, now: Run) -> Iterator[str]:
    """What else differs, so that a reader may doubt the rest."""
    for what, then, today in (
        ("the processor", before.machine.processor, now.machine.processor),
        ("the number of cores", before.machine.cores, now.machine.cores),
        ("the embedding model", before.model, now.model),
        ("Python", before.machine.python, now.machine.python),
    ):
        if then != today:
            yield f"{what} differs: {then} then, {today} now"


def _changes(before: ScenarioResult, now: ScenarioResult) -> Iterator[Change]:
    known = dict(_costs(before))
    for name, cost in _costs(now):
        if name in known:
            yield _judged(now.name, name, known[name], cost)
    sets = {each.name: each for each in before.recalls}
    for measured in now.recalls:
        if measured.name in sets:
            yield from _recall_changes(now.name, sets[measured.name], measured)


@dataclass(frozen=True, slots=True)
class _Cost:
    """What is compared of a figure, turned so that less is better.

    Attributes:
        value: the median.
        quick: what the best tenth of the samples stayed below.
        least: the smallest difference that matters, in its unit.
        shown: the value as the figure has it.
    """

    value: Estimate
    quick: float
    least: float
    pace: PaceOf
    shown: float
    unit: str


def _costs(scenario: ScenarioResult) -> Iterator[tuple[str, _Cost]]:
    for figure in scenario.figures:
        if figure.decides and figure.value.low > 0:
            yield figure.name, _cost(figure)
    for load in scenario.loads:
        if load.throughput.low <= 0:
            continue
        clients = "1 client" if load.clients == 1 else f"{load.clients} clients"
        yield f"{load.name}, {clients}", _cost_of_a_call(load)


def _cost(figure: Figure) -> _Cost:
    value, unit = figure.value, figure.unit
    best = figure.quantiles or (value.value,)
    tenth = len(best) // 10
    if figure.better == "lower":
        least = _LEAST_MS if unit == "ms" else 0.0
        return _Cost(value, best[tenth], least, figure.pace, value.value, unit)
    return _Cost(value.inverted(1), 1 / best[-1 - tenth], 0.0, figure.pace, value.value, unit)


def _cost_of_a_call(load: Load) -> _Cost:
    """Milliseconds a call, of all clients together; the best visit stands for the best tenth."""
    throughput = load.throughput
    return _Cost(
        throughput.inverted(1000),
        1000 / load.best,
        _LEAST_MS,
        load.pace,
        throughput.value,
        "/s",
    )


def _judged(scenario: str, name: str, before: _Cost, now: _Cost) -> Change:
    quick, median = _drift(before, now, 0), _drift(before, now, 1)
    verdict: Verdict = "same"
    if _exceeds(before, now, quick[1], median[1]):
        verdict = "worse"
    elif _exceeds(now, before, 1 / quick[0], 1 / median[0]):
        verdict = "better"
    return Change(
        scenario,
        name,
        now.unit,
        before.shown,
        now.shown,
        now.shown / before.shown - 1,
        (median[0] - 1, median[1] - 1),
        verdict,
    )


def _drift(before: _Cost, now: _Cost, place: int) -> tuple[float, float]:
    """By what factors the machine itself may have moved the figure: the least and the greatest."""
    pieces = now.pace.keys() & before.pace.keys()
    moved = [now.pace[piece][place] / before.pace[piece][place] for piece in pieces] or [1.0]
    return min(1.0, *moved), max(1.0, *moved)


def _exceeds(less: _Cost, more: _Cost, quick_drift: float, drift: float) -> bool:
    """Whether `more` costs more than `less` by all four criteria."""
    expected = less.value.value * drift
    return (
        more.value.low > less.value.high * drift
        and more.quick > less.quick * quick_drift * (1 + _LEAST)
        and more.value.value > expected * (1 + _LEAST)
        and more.value.value > expected + more.least
    )


def _recall_changes(scenario: str, before: RecallAt, now: RecallAt) -> Iterator[Change]:
    """Shares of the evidence, over the same questions: no machine moves them.

    Two points matter, and two questions: one may go either way.
    """
    for kind, by_k in now.values.items():
        questions = now.questions.get(kind, 0)
        if not questions or before.questions.get(kind) != questions:
            continue
        least = max(_LEAST_POINTS, 100 * _FEWEST_QUESTIONS / questions)
        for k, share in by_k.items():
            known = before.values.get(kind, {}).get(k)
            if known is None:
                continue
            points = 100 * (share.value - known.value)
            verdict: Verdict = (
                "worse" if points <= -least else "better" if points >= least else "same"
            )
            yield Change(
                scenario,
                f"{now.name}, {kind}, the first {k}",
                "%",
                100 * known.value,
                100 * share.value,
                points,
                (0.0, 0.0),
                verdict,
            )
