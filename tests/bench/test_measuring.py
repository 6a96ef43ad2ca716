from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from sophia_cli.bench.figures import latency, ratio
from sophia_cli.bench.load import LoadMeasurement
from sophia_cli.bench.measure import VISITS, Call, Measurement
from sophia_cli.bench.pace import BATCH, DISK, Pace, pace_of_this_machine
from sophia_cli.bench.results import Figure


@pytest.fixture
def pace() -> Pace:
    return Pace({"python": lambda: _sleep(0.1), DISK: lambda: _sleep(0.1)})


def test_the_pace_is_that_of_the_interpreter_the_model_and_the_disk(tmp_path: Path) -> None:
    with pace_of_this_machine(tmp_path) as pace:
        tick, whole = pace.tick(), pace.tick((DISK, BATCH))
    assert [name.partition(",")[0] for name in tick] == ["python", "model"]
    assert whole.keys() - tick.keys() == {DISK, next(name for name in whole if BATCH in name)}
    assert all(spent > 0 for spent in whole.values())


def _sleep(milliseconds: float) -> None:
    time.sleep(milliseconds / 1000)


def _noting(asked: list[tuple[str, int]], name: str, milliseconds: float) -> Call:
    """A call that notes its name and number, and takes so long."""

    def call(number: int) -> None:
        asked.append((name, number))
        _sleep(milliseconds)

    return call


def test_calls_are_measured_in_turns_and_each_is_another(pace: Pace) -> None:
    asked: list[tuple[str, int]] = []
    measured = Measurement(
        _noting(asked, "a", 1),
        _noting(asked, "b", 2),
        figures=lambda a, b, paced: [
            latency("a", a, paced),
            latency("b", b, paced),
            ratio("b beside a", b, a, paced),
        ],
    )
    for _ in range(VISITS):
        measured.visit(0.2, pace)
    first, second, beside = measured.results()
    assert asked == [(name, n) for n in range(len(asked) // 2) for name in "ab"]
    assert isinstance(first, Figure) and isinstance(second, Figure) and isinstance(beside, Figure)
    assert first.samples == second.samples >= 20
    assert 1 <= first.value.value < second.value.value
    assert 1.2 < beside.value.value < 2.2
    assert {*first.pace} == {"python"}


def test_a_long_call_is_measured_once_a_visit(pace: Pace) -> None:
    calls: list[tuple[str, int]] = []
    measured = Measurement(
        _noting(calls, "long", 60),
        figures=lambda spent, paced: [latency("long", spent, paced)],
        paced_by=(DISK,),
    )
    for _ in range(VISITS):
        measured.visit(0.01, pace)
    [figure] = measured.results()
    assert isinstance(figure, Figure)
    assert figure.samples == VISITS
    assert len(calls) == VISITS + 1, "one to warm up"
    assert {*figure.pace} == {"python", "disk"}


def test_what_has_to_be_done_before_is_done_at_every_visit(pace: Pace) -> None:
    done: list[int] = []
    measured = Measurement(
        lambda n: None, figures=lambda spent, paced: [], before=lambda: done.append(1)
    )
    measured.visit(0.01, pace)
    measured.visit(0.01, pace)
    assert len(done) == 2


def test_clients_work_at_once_and_no_two_ask_the_same(pace: Pace) -> None:
    asked: list[tuple[str, int]] = []
    measured = LoadMeasurement("sleep", _noting(asked, "sleep", 10), clients=(1, 4))
    for _ in range(VISITS):
        measured.visit(0.4, pace)
    alone, four = measured.results()
    assert sorted(n for _, n in asked) == [*range(len(asked))]
    assert (alone.clients, four.clients) == (1, 4)
    assert 2.5 < four.throughput.value / alone.throughput.value < 4.5
    assert alone.best >= alone.throughput.value
    assert alone.latency.value >= 10


def test_a_client_that_fails_ends_the_others_and_is_heard(pace: Pace) -> None:
    def call(number: int) -> None:
        if number == 3:
            raise ValueError("no more")
        _sleep(5)

    with pytest.raises(ValueError, match="no more"):
        LoadMeasurement("fails", call, clients=(4,)).visit(60.0, pace)
    assert not [thread for thread in threading.enumerate() if "client" in thread.name]
