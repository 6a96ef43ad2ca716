from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sophia_cli.bench.context import Context
from sophia_cli.bench.measure import VISITS, Measurement
from sophia_cli.bench.pace import Pace
from sophia_cli.bench.results import Figure, Skipped
from sophia_cli.bench.scenarios import SCENARIOS, gpu_cache

SMALL = 2_000


class NoPace:
    """Stands for the pace, and takes no time."""

    def tick(self, by: object) -> dict[str, float]:
        return {"none": 1.0}


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(gpu_cache, "_ROWS", SMALL)
    monkeypatch.setattr(gpu_cache, "_QUESTIONS", SMALL // 20)
    monkeypatch.setattr(gpu_cache, "_FULL", 4 * SMALL)
    none = cast(Any, SimpleNamespace())
    return Context(none, none, none, 0)


@pytest.mark.parametrize("device", ["numpy", "cpu"])
def test_it_runs_on_either_library_and_lets_its_memory_go(context: Context, device: str) -> None:
    if device != "numpy":
        pytest.importorskip("torch", reason="the extra gpu is not installed")
    steps = list(gpu_cache.measurements(device, context))
    figures: list[Figure] = []
    for step in steps:
        assert isinstance(step, Measurement)
        for _ in range(VISITS):
            step.visit(0.001, cast(Pace, NoPace()))
        figures += cast(list[Figure], list(step.results()))
    label = "NumPy" if device == "numpy" else "torch, cpu"
    assert [(figure.name, figure.bound and figure.bound.value) for figure in figures] == [
        (f"100,000 x 384, top 10 ({label})", None),
        (f"100,000 x 384, top 10, against one bare product ({label})", 1.3),
        (f"nearest of 5,000 questions ({label})", 1),
        (f"set of 1,000 rows ({label})", None),
        (f"set of 1,000 rows, against one bare copy ({label})", 3),
    ]
    context.ends.close()
    with pytest.raises(AttributeError):  # the slab is gone
        cast(Measurement, steps[0])._calls[1](0)


def test_without_torch_the_rest_runs(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_cache, "find_spec", lambda name: None)
    *measured, skipped = SCENARIOS["gpu-cache"].run(context)
    assert len(measured) == 3
    assert skipped == Skipped("torch", "it is not installed")
    context.ends.close()


def test_without_room_it_is_said(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_cache, "_ROWS", 1 << 50)
    assert list(gpu_cache.measurements("numpy", context)) == [
        Skipped("NumPy", "there is no room for the rows")
    ]
    context.ends.close()


def test_it_needs_no_store() -> None:
    assert not SCENARIOS["gpu-cache"].store
