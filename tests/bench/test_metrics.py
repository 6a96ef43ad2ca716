"""What measuring costs is itself measured: on a real store, and without a word about how much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from sophia_cli.bench.context import Context
from sophia_cli.bench.measure import VISITS, Measurement
from sophia_cli.bench.scenarios import SCENARIOS
from sophia_cli.bench.store import fresh_home, service_in
from sophia_cli.config.model import Config
from tests.bench.test_gpu_cache import NoPace


@pytest.fixture
def context() -> Iterator[Context]:
    with fresh_home() as home, service_in(home, Config()) as service:
        yield Context(service, home, Config(), 0)


def test_a_recall_is_asked_with_and_without_its_meters(context: Context) -> None:
    meters = context.service.meters
    figures: list[Any] = []
    for step in SCENARIOS["metrics"].run(context):
        assert isinstance(step, Measurement)
        for _ in range(VISITS):
            step.visit(0.001, cast(Any, NoPace()))
        figures += step.results()
    assert [(each.name, each.unit, each.bound and each.bound.value) for each in figures] == [
        ("a new question, measured against not", "x", 1.03),
        ("a new question, measured: what it adds", "ms", None),
        ("a question asked before, measured against not", "x", None),
        ("a question asked before, measured: what it adds", "ms", None),
        ("100 operations noted and counted", "ms", None),
        ("a scrape of /metrics", "ms", None),
    ]
    assert context.service.meters is meters
    # As many unmeasured ones are not among them.
    assert (
        0
        < meters.latencies()["recall"]["calls"]
        <= figures[0].samples + figures[2].samples + 20 * VISITS
    )
