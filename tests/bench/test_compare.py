from __future__ import annotations

from dataclasses import replace

import pytest

from sophia_cli.bench.compare import compare
from sophia_cli.bench.results import Figure, Load, RecallAt, ScenarioResult
from tests.bench.runs import (
    MACHINE,
    beside,
    full,
    load,
    pace,
    recall,
    run,
    scenario,
    throughput,
    time,
)


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        pytest.param(time(10), time(10, seed=9), "same", id="the same"),
        pytest.param(time(10), time(11), "same", id="a little slower"),
        pytest.param(time(10), time(13), "worse", id="a third slower"),
        pytest.param(time(13), time(10), "better", id="a quarter faster"),
        pytest.param(time(10), time(14, paced=pace(1.4)), "same", id="a slower machine"),
        pytest.param(time(10), time(16, paced=pace(1.0, model=1.6)), "same", id="a busy core"),
        pytest.param(time(10), time(20, paced=pace(1.4)), "worse", id="slower, machine too"),
        pytest.param(time(14, paced=pace(1.4)), time(10), "same", id="a faster machine"),
        pytest.param(time(10, paced=pace(1.4)), time(10), "same", id="as fast, machine faster"),
        pytest.param(time(0.04), time(0.12), "same", id="a matter of the scheduler"),
        pytest.param(time(0.4), time(1.2), "worse", id="enough to matter"),
        pytest.param(throughput(150), throughput(148), "same", id="as many"),
        pytest.param(throughput(150), throughput(100), "worse", id="fewer a second"),
        pytest.param(throughput(100), throughput(150), "better", id="more a second"),
        pytest.param(throughput(150), throughput(100, paced=pace(1.5)), "same", id="fewer, slow"),
    ],
)
def test_a_figure_is_judged(before: Figure, now: Figure, verdict: str) -> None:
    found = compare(run(scenario(before)), run(scenario(now)))
    assert [change.verdict for change in found.changes] == [verdict]


def test_what_is_slow_only_now_and_then_is_not_called_slower() -> None:
    before, now = time(10), time(14)
    quick = (*before.quantiles[:80], *now.quantiles[80:])
    disturbed = replace(now, quantiles=quick)
    found = compare(run(scenario(before)), run(scenario(disturbed)))
    assert [change.verdict for change in found.changes] == ["same"]


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        pytest.param(load(8, 130), load(8, 125), "same", id="the same"),
        pytest.param(load(8, 130), load(8, 80), "worse", id="fewer calls a second"),
        pytest.param(load(8, 80), load(8, 130), "better", id="more calls a second"),
        pytest.param(load(8, 130), load(8, 80, pace(1.5)), "same", id="a slower machine"),
        pytest.param(load(8, 9_000), load(8, 4_500), "same", id="a matter of the scheduler"),
    ],
)
def test_a_load_is_judged(before: Load, now: Load, verdict: str) -> None:
    found = compare(run(scenario(loads=[before])), run(scenario(loads=[now])))
    assert [change.verdict for change in found.changes] == [verdict]
    assert found.changes[0].name == "recall, 8 clients"


@pytest.mark.parametrize(
    ("before", "now", "verdicts"),
    [
        pytest.param(recall(0.72), recall(0.72), ["same"], id="the same"),
        pytest.param(recall(0.72), recall(0.71), ["same"], id="a point"),
        pytest.param(recall(0.72), recall(0.69), ["worse"], id="three points of many"),
        pytest.param(recall(0.72), recall(0.80), ["better"], id="better"),
        pytest.param(recall(0.72, 20), recall(0.67, 20), ["same"], id="one question of twenty"),
        pytest.param(recall(0.72, 20), recall(0.60, 20), ["worse"], id="more than two of them"),
        pytest.param(recall(0.72, 20), recall(0.60, 30), [], id="other questions"),
    ],
)
def test_recall_is_judged(before: RecallAt, now: RecallAt, verdicts: list[str]) -> None:
    found = compare(
        run(scenario(name="recall", memories=None, recalls=[before])),
        run(scenario(name="recall", memories=None, recalls=[now])),
    )
    assert [change.verdict for change in found.changes] == verdicts


def test_a_run_does_not_differ_from_itself() -> None:
    found = compare(full(), full())
    assert {change.verdict for change in found.changes} == {"same"}
    assert not found.notes


def test_what_follows_from_other_figures_is_not_judged() -> None:
    assert not compare(run(scenario(beside(1.6))), run(scenario(beside(3.2)))).changes


@pytest.mark.parametrize(
    ("before", "now", "note"),
    [
        (scenario(time(10), name="cache"), scenario(time(10)), "end-to-end: not in the earlier"),
        (scenario(time(10), name="cache"), scenario(time(10)), "cache: only in the earlier"),
        (
            scenario(time(10), memories=500),
            scenario(time(30)),
            "not compared, on a store of 500 memories then and of 2,000 now",
        ),
    ],
)
def test_what_cannot_be_compared_is_told(
    before: ScenarioResult, now: ScenarioResult, note: str
) -> None:
    found = compare(run(before), run(now))
    assert not found.changes
    assert any(note in each for each in found.notes)


def test_figures_without_a_store_are_compared_whatever_the_size_of_the_others() -> None:
    found = compare(
        run(scenario(time(10), name="embedding", memories=None), memories=500),
        run(scenario(time(20), name="embedding", memories=None), memories=2_000),
    )
    assert [change.verdict for change in found.changes] == ["worse"]


def test_another_machine_or_model_is_told() -> None:
    other = replace(full(), machine=replace(MACHINE, cores=64), model="word-hash")
    assert compare(full(), other).notes == (
        "the number of cores differs: 2 then, 64 now",
        "the embedding model differs: all-MiniLM-L6-v2-int8 then, word-hash now",
    )
