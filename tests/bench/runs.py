"""Runs made up for tests: as `sophia bench` would have measured them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sophia_cli.bench.figures import latency, rate, ratio
from sophia_cli.bench.machine import Machine
from sophia_cli.bench.results import (
    Figure,
    Limit,
    Load,
    PaceOf,
    RecallAt,
    Run,
    ScenarioResult,
    Skipped,
)
from sophia_cli.bench.statistics import Estimate, Samples

PACE: PaceOf = {"python": (0.7, 0.72), "model": (5.2, 5.4)}
MACHINE = Machine(
    "AMD EPYC",
    2,
    25.0,
    "Linux 6.1 x86_64",
    "3.11.7",
    "torch is not installed",
    0.5,
    {"sophia": "1"},
)


def samples(median: float, count: int = 300, seed: int = 0, spread: float = 0.1) -> Samples:
    """Skewed, as latencies are: lognormal around a median, ms."""
    chance = np.random.default_rng(seed)
    return np.asarray(median * np.exp(spread * chance.standard_normal(count)))


def pace(times: float = 1.0, model: float = 1.0) -> PaceOf:
    """A machine that takes so many times as long; for the model, even more so."""
    return {
        name: (quick * factor, median * factor)
        for (name, (quick, median)), factor in zip(
            PACE.items(), (times, times * model), strict=True
        )
    }


def time(median: float, name: str = "recall", seed: int = 0, paced: PaceOf = PACE) -> Figure:
    """A latency."""
    return latency(name, samples(median, seed=seed), paced, target=Limit(200, "p95"))


def throughput(a_second: float, name: str = "stored", paced: PaceOf = PACE) -> Figure:
    """A rate, of batches of 64."""
    return rate(name, samples(64_000 / a_second, count=40), 64, paced)


def beside(times: float) -> Figure:
    """A ratio of two latencies."""
    return ratio("beside", samples(10 * times), samples(10, seed=1), PACE, bound=Limit(4))


def load(clients: int, a_second: float, paced: PaceOf = PACE) -> Load:
    """A call under load."""
    latency_of_one = 1000 * clients / a_second
    return Load(
        "recall",
        clients,
        Estimate(a_second, 0.95 * a_second, 1.05 * a_second),
        Estimate(latency_of_one, 0.9 * latency_of_one, 1.1 * latency_of_one),
        Estimate(2 * latency_of_one, 1.8 * latency_of_one, 2.2 * latency_of_one),
        1.05 * a_second,
        500,
        paced,
    )


def recall(share: float, questions: int = 200) -> RecallAt:
    """A recall of one kind of question."""
    return RecallAt(
        "the set",
        {"single hop": questions},
        {"single hop": {5: Estimate(share, share - 0.05, share + 0.05)}},
    )


def scenario(
    *figures: Figure,
    name: str = "end-to-end",
    memories: int | None = 2_000,
    loads: Sequence[Load] = (),
    recalls: Sequence[RecallAt] = (),
    skipped: Sequence[Skipped] = (),
) -> ScenarioResult:
    """One scenario's result."""
    return ScenarioResult(name, memories, figures, tuple(loads), tuple(recalls), tuple(skipped))


def run(*scenarios: ScenarioResult, memories: int = 2_000) -> Run:
    """A whole run."""
    return Run(
        "2026-11-24T13:56:05+00:00",
        memories,
        3.0,
        "all-MiniLM-L6-v2-int8",
        90.0,
        MACHINE,
        scenarios,
    )


def full() -> Run:
    """A run with one of everything."""
    return run(
        scenario(
            time(10.0),
            time(0.5, "asked before", seed=2),
            beside(1.6),
            throughput(150),
            loads=[load(1, 90), load(2, 120), load(4, 130), load(8, 131)],
        ),
        scenario(name="recall", memories=None, recalls=[recall(0.72)]),
        scenario(
            name="gpu", memories=None, skipped=[Skipped("all of it", "torch is not installed")]
        ),
    )
