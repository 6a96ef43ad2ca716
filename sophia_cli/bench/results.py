"""What a run came to: figures, loads and recall by scenario, and the machine they are true of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from sophia_cli.bench.machine import Machine
from sophia_cli.bench.statistics import Estimate

Better = Literal["lower", "higher"]
Positive = Annotated[float, Field(gt=0)]
PaceOf = Mapping[str, tuple[Positive, Positive]]
"""The machine's pace while something was measured: for each piece of `Pace.tick`, ms, the time that
its quickest tenth stayed below, and its median."""
Percentile = Literal["p50", "p95", "p99"]


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure should keep to: at most this, or at least where higher is better.

    Attributes:
        of: the percentile that is held against it.
    """

    value: float
    of: Percentile = "p50"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a scenario.

    Attributes:
        unit: `ms`, `/s`, `MB` or `x`, the last for a ratio of two things measured in turns.
        value: the median of the samples, or the ratio.
        p95, p99: None where the samples were too few for an interval, or there is no such thing.
        samples: how many there were.
        quantiles: 201 of them, evenly spaced from the least sample to the greatest; for plots.
        pace: of the machine while it was measured.
        target: the guide's.
        bound: ours.
        decides: whether a comparison judges by it; what follows from other figures does not.
        note: what a reader should know, in one line.
    """

    name: str
    unit: str
    better: Better
    value: Estimate
    p95: Estimate | None = None
    p99: Estimate | None = None
    samples: int = 0
    quantiles: tuple[Positive, ...] = ()
    pace: PaceOf = field(default_factory=dict)
    target: Limit | None = None
    bound: Limit | None = None
    decides: bool = True
    note: str = ""

    def of(self, percentile: Percentile) -> Estimate | None:
        """The value that a limit is held against."""
        return {"p50": self.value, "p95": self.p95, "p99": self.p99}[percentile]

    def keeps(self, limit: Limit | None) -> bool | None:
        """Whether the figure keeps to a limit; None where that cannot be told."""
        found = None if limit is None else self.of(limit.of)
        if limit is None or found is None:
            return None
        return found.value <= limit.value if self.better == "lower" else found.value >= limit.value


@dataclass(frozen=True, slots=True)
class Load:
    """One thing done by some clients at once, each as fast as it is answered.

    Attributes:
        throughput: of all clients together, calls a second.
        latency: the median of a call, ms.
        p95: ms; None where the calls were too few for an interval.
        best: calls a second in the best of the visits.
        calls: how many were measured.
        pace: of the machine meanwhile.
    """

    name: str
    clients: int
    throughput: Estimate
    latency: Estimate
    p95: Estimate | None
    best: Positive
    calls: int
    pace: PaceOf = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecallAt:
    """How much of the evidence the first k memories hold, by kind of question.

    Attributes:
        name: what was asked, e.g. the name of the labelled set.
        questions: how many of each kind there are.
        values: kind -> k -> the share of the evidence found, 0 to 1.
    """

    name: str
    questions: Mapping[str, int]
    values: Mapping[str, Mapping[int, Estimate]]


@dataclass(frozen=True, slots=True)
class Skipped:
    """What could not be measured here, and why."""

    what: str
    reason: str


Measured = Figure | Load | RecallAt | Skipped


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """What one scenario came to.

    Attributes:
        memories: in the store that its figures depend on; None where they depend on none.
    """

    name: str
    memories: int | None
    figures: tuple[Figure, ...] = ()
    loads: tuple[Load, ...] = ()
    recalls: tuple[RecallAt, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One run of `sophia bench`.

    Attributes:
        started: ISO 8601, UTC.
        memories: in the store, for the scenarios that search one.
        seconds: how long each measurement might take.
        model: the embedding model.
        took: seconds in all.
    """

    started: str
    memories: int
    seconds: float
    model: str
    took: float
    machine: Machine
    scenarios: tuple[ScenarioResult, ...]
