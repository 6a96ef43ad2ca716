"""What a service counts of its operations: by a clock that the tests set."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from sophia_cli.errors import NotFound, TierDown
from sophia_cli.memory.latencies import ERROR, WINDOW
from sophia_cli.memory.meters import Meters
from sophia_cli.memory.model import KINDS, Kind
from sophia_cli.memory.trace import Trace


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meters(clock: Clock) -> Meters:
    return Meters(clock)


def recall(meters: Meters, **answered: bool) -> None:
    """A recall that met these tiers up or down."""
    trace = Trace()
    with meters.measure("recall", trace):
        for tier, up in answered.items():
            ask(trace, tier, up)


def ask(trace: Trace, tier: str, up: bool) -> None:
    try:
        with trace.tier(tier):
            if not up:
                raise TierDown(tier, "refused")
    except TierDown:
        pass


def test_an_operation_and_its_tiers_are_measured(meters: Meters, clock: Clock) -> None:
    with meters.measure("recall", trace := Trace(served_by="vectors")):
        clock.now += 0.02
        with trace.tier("records"), trace.tier("vectors"):
            pass
    told = meters.latencies()
    assert set(told) == {"recall", "records", "vectors"}
    assert told["recall"]["calls"] == told["recall"]["last_5_minutes"]["calls"] == 1
    assert told["recall"]["p99_ms"] == pytest.approx(20.0, ERROR)
    assert meters.served() == {"vectors": 1}
    clock.now += WINDOW
    assert meters.latencies()["recall"]["last_5_minutes"]["calls"] == 0
    assert meters.latencies()["recall"]["p50_ms"] == pytest.approx(20.0, ERROR)


def test_a_trace_of_many_operations_counts_each_once(meters: Meters) -> None:
    trace = Trace()
    for spent in (100.0, 1.0, 1.0):
        with meters.measure("remember", trace):
            trace.tiers["records"] = trace.tiers.get("records", 0.0) + spent
            trace.look_up("hot_cache", "vectors", found=True)
    with meters.measure("remember", trace):
        pass
    told = meters.latencies()["records"]
    assert told["calls"] == 3
    assert told["p50_ms"] == pytest.approx(1.0, ERROR, 0.001)
    assert told["p99_ms"] == pytest.approx(100.0, ERROR)
    assert meters.look_ups("hot_cache")["vectors"] == {"asked": 3, "found": 3}


def test_what_failed_is_no_latency(meters: Meters) -> None:
    with pytest.raises(NotFound), meters.measure("update", Trace()):
        raise NotFound("no such memory")
    assert meters.latencies() == {}
    assert meters.failures() == {("update", "not_found"): 1}


def test_failures_are_counted_by_operation_and_code(meters: Meters) -> None:
    for error in (TierDown("records", "refused"), TierDown("records", "late"), KeyError("x")):
        with pytest.raises(type(error)), meters.measure("recall", Trace()):
            raise error
    assert meters.failures() == {("recall", "tier_down"): 2, ("recall", "internal"): 1}


def test_recalls_are_measured_by_the_tier_that_served_them(meters: Meters, clock: Clock) -> None:
    for operation, tier, seconds in (
        ("recall", "gpu_cache", 0.0003),
        ("recall", "vectors", 0.02),
        ("similar", "vectors", 0.03),
        ("remember", "vectors", 9.0),
    ):
        with meters.measure(operation, Trace(served_by=tier)):
            clock.now += seconds
    told = meters.recalls([1.0, 25.0])
    assert {tier: each.below for tier, each in told.items()} == {
        "gpu_cache": (1, 1),
        "vectors": (0, 1),
    }
    assert told["vectors"].total == pytest.approx(50)
    assert meters.served() == {"gpu_cache": 1, "vectors": 2}
    assert meters.durations([1e5])["remember"].below == (1,)


def test_a_tier_is_down_from_the_first_that_met_it_to_the_next_it_served(
    meters: Meters, clock: Clock
) -> None:
    recall(meters, vectors=True)
    assert meters.degraded_seconds("vectors") == 0
    recall(meters, vectors=False, records=True)
    clock.now += 30
    assert meters.down("vectors")
    assert meters.degraded_seconds("vectors") == 30
    recall(meters, vectors=False)
    recall(meters, records=True)
    clock.now += 12
    recall(meters, vectors=True)
    clock.now += 1_000
    recall(meters, vectors=True)
    assert not meters.down("vectors")
    assert meters.degraded_seconds("vectors") == 42
    assert meters.degraded_seconds("records") == 0
    recall(meters, vectors=False)
    clock.now += 8
    assert meters.degraded_seconds("vectors") == 50


def test_the_request_that_met_it_down_counts_whole(meters: Meters, clock: Clock) -> None:
    with pytest.raises(TierDown), meters.measure("remember", trace := Trace()):
        clock.now += 10
        with trace.tier("vectors"):  # where the tier is asked for another one's sake
            raise TierDown("records", "no answer within 10 s")
    assert meters.degraded_seconds("records") == 10
    assert not meters.down("vectors")


def test_the_last_word_of_a_request_counts(meters: Meters) -> None:
    trace = Trace()
    with meters.measure("recall", trace):
        ask(trace, "hot_cache", False)
        ask(trace, "hot_cache", True)
    assert not meters.down("hot_cache")


def test_who_only_looks_can_find_a_tier_up_again(meters: Meters, clock: Clock) -> None:
    recall(meters, hot_cache=False)
    clock.now += 5
    with meters.look(looking := Trace()):
        ask(looking, "hot_cache", True)
    clock.now += 5
    assert meters.degraded_seconds("hot_cache") == 5
    with meters.look(looking := Trace()):
        clock.now += 2  # a time-out
        ask(looking, "hot_cache", False)
    assert meters.degraded_seconds("hot_cache") == 7
    assert meters.latencies()["recall"]["calls"] == 1


def test_usage_is_counted_by_kind(meters: Meters) -> None:
    meters.use("recalls", KINDS)
    meters.use("recalls", [Kind.CODING])
    meters.use("stored", [Kind.BUSINESS, Kind.BUSINESS])
    assert meters.usage() == {
        "coding": {"recalls": 2},
        "business": {"recalls": 1, "stored": 2},
    }


def test_threads_lose_no_count() -> None:
    meters = Meters()

    def work() -> None:
        for _ in range(500):
            with meters.measure("recall", trace := Trace(served_by="vectors")):
                trace.tiers["vectors"] = 1.0
                trace.look_up("hot_cache", "answers", found=False)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = meters.latencies()
    assert told["recall"]["calls"] == told["vectors"]["calls"] == 4_000
    assert meters.served() == {"vectors": 4_000}
    assert meters.look_ups("hot_cache") == {"answers": {"asked": 4_000, "found": 0}}
