from __future__ import annotations

import pytest

from sophia_cli.bench import plots
from sophia_cli.bench.charts import Scale, around, round_steps
from tests.bench.runs import full, load, run, scenario


@pytest.mark.parametrize(
    ("base", "value", "pixel"),
    [(0, 1, 100.0), (0, 50.5, 150.0), (0, 100, 200.0), (10, 1, 100.0), (10, 10, 150.0)],
)
def test_a_scale_maps_its_ends_and_what_lies_between(base: int, value: float, pixel: float) -> None:
    assert Scale(1, 100, 100, 200, base)(value) == pixel


def test_beyond_a_scale_is_its_end() -> None:
    assert Scale(1, 10, 0, 90)(1e9) == 90
    assert Scale(1, 10, 0, 90, base=10)(1e-9) == 0


@pytest.mark.parametrize(
    ("highest", "steps"),
    [
        (131, [0, 50, 100, 150]),
        (0.41, [0, 0.2, 0.4, 0.6]),
        (2_400, [0, 1_000, 2_000, 3_000]),
        (1, [0, 0.5, 1]),
    ],
)
def test_steps_are_round_and_reach_beyond(highest: float, steps: list[float]) -> None:
    assert round_steps(highest) == steps


def test_decades_are_labelled_and_divided() -> None:
    marks = Scale(0.1, 10, 0, 200, base=10).decades()
    assert [mark.label for mark in marks if mark.label] == ["0.1", "1", "10"]
    assert len(marks) == 3 + 2 * 8


def test_a_range_is_never_empty() -> None:
    assert around([5, 0.04]) == (0.01, 10)
    assert around([1, 1]) == (1, 10)


def test_everything_drawn_lies_within_its_chart() -> None:
    shown = full()
    drawn = [each for pair in plots.loads(shown) for each in pair]
    first = plots.distributions(shown)
    assert first is not None
    drawn += [first, *(plots.recall(each) for s in shown.scenarios for each in s.recalls)]
    for chart in drawn:
        points = [
            point
            for series in chart.series
            for point in (*series.points, *(end for both in series.whiskers for end in both))
        ]
        assert points
        assert all(0 <= x <= chart.frame.width and 0 <= y <= chart.frame.height for x, y in points)


def test_one_level_of_load_is_drawn_too() -> None:
    [(throughput, _)] = plots.loads(run(scenario(loads=[load(4, 100)])))
    assert [tick.label for tick in throughput.x] == ["4"]
