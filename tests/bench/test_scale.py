"""Recall as the store grows, measured on a small one: what is printed, and what keeps to bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest

from sophia_cli.bench.context import Context
from sophia_cli.bench.measure import VISITS, Measurement
from sophia_cli.bench.results import Figure, Limit
from sophia_cli.bench.scenarios import SCENARIOS, scale
from sophia_cli.bench.store import MadeUp, fill, fresh_home, fresh_service, service_in
from sophia_cli.config.model import Config
from sophia_cli.memory.model import KINDS
from tests.bench.test_gpu_cache import NoPace

MEMORIES = 40


@pytest.fixture
def context() -> Iterator[Context]:
    with fresh_home() as home, service_in(home, Config()) as service:
        fill(service, MEMORIES, lambda _: None)
        context = Context(service, home, Config(), MEMORIES)
        with context.ends:
            yield context


def test_every_figure_is_there_with_its_bound(context: Context) -> None:
    figures, stored = _measured(context)
    assert [(each.name, each.unit, each.bound and each.bound.value) for each in figures] == [
        ("memory of this process, mapped files included", "MB", 1000),
        ("recall of a new question", "ms", None),
        ("recall of a new question, to that in a tenth of the memories", "x", 1.3),
        ("recall, nothing else at work", "ms", None),
        ("recall while memories are ingested", "ms", None),
    ]
    assert 50 < figures[0].value.value < 5000
    assert stored > MEMORIES
    assert figures[-1].note == f"{stored - MEMORIES:,} memories meanwhile"


def test_of_a_store_that_is_larger_than_the_bounds_say_nothing_is_held_against_them(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "UP_TO", MEMORIES - 1)
    figures, _ = _measured(context)
    assert not any(each.bound for each in figures)


def test_tails_are_compared_where_the_calls_suffice() -> None:
    idle, busy = np.full(400, 10.0), np.full(500, 10.0)
    busy[::50] = 40.0
    [figure] = scale.tails(busy, idle, {})
    assert (figure.unit, figure.bound, figure.value.value) == ("x", Limit(5.0), 4.0)
    assert figure.value.low <= 4.0 <= figure.value.high
    assert not [*scale.tails(busy, idle[:300], {})]


def _measured(context: Context) -> tuple[list[Figure], int]:
    """The figures, and how many memories the store has in the end."""
    steps = [*SCENARIOS["scale"].run(context)]
    for step in steps * VISITS:
        if isinstance(step, Measurement):
            step.visit(0.001, cast(Any, NoPace()))
    figures: list[Any] = []
    for step in steps:
        figures += step.results() if isinstance(step, Measurement) else [step]
    return figures, sum(context.service.vectors.count(kind) for kind in KINDS)


def test_vectors_are_made_up_only_while_a_store_is_filled() -> None:
    made_up = MadeUp()
    with fresh_service(Config(), made_up) as service:
        model = service.embedder
        [true] = model.embed(["we chose Qdrant"])
        with made_up.filling():
            invented = model.embed(["we chose Qdrant"] * 3)
        assert invented.shape == (3, model.dimension) and invented.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(invented, axis=1), 1, atol=1e-5)
        assert not np.allclose(invented[0], invented[1])
        assert np.array_equal(model.embed(["we chose Qdrant"])[0], true)
