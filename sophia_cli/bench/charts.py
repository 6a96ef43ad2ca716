"""Charts as geometry: scales, ticks and paths in pixels; the report's template draws them as SVG.

A few lines of our own rather than a plotting library: the drawing takes its colours from the page,
so it follows the reader's light or dark mode, and nothing has to be installed for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float]
"""x and y, px from the upper left corner."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where it is, px, and what it says; a minor one says nothing."""

    at: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """What is drawn in one colour.

    Attributes:
        colour: its place in the page's palette.
        points: joined by a line if `joined`, drawn as dots if `dotted`.
        whiskers: intervals, each from one point to another.
        target: x of the guide's target, with what it says.
    """

    name: str
    colour: int
    points: tuple[Point, ...]
    joined: bool = True
    dotted: bool = False
    dashed: bool = False
    whiskers: tuple[tuple[Point, Point], ...] = ()
    target: Tick | None = None

    @property
    def path(self) -> str:
        """The points as SVG takes them."""
        return " ".join(f"{x},{y}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a chart and of the margins around what is plotted, px."""

    width: int
    height: int
    left: int = 66
    right: int = 16
    top: int = 22
    bottom: int = 44


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template draws."""

    title: str
    frame: Frame
    x_title: str
    y_title: str
    x: tuple[Tick, ...]
    y: tuple[Tick, ...]
    series: tuple[Series, ...]


class Scale:
    """From values to pixels.

    Args:
        low, high: the values at `start` and at `end`, px.
        base: of the logarithm; 0 for a linear scale.
    """

    def __init__(self, low: float, high: float, start: float, end: float, base: int = 0) -> None:
        self.low, self.high = low, high
        self._start, self._end = start, end
        self._base = base

    def __call__(self, value: float) -> float:
        """The pixel of a value, to a tenth; beyond the ends, the end."""
        low, high = self._bent(self.low), self._bent(self.high)
        share = (self._bent(min(max(value, self.low), self.high)) - low) / (high - low)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self, values: Iterable[float]) -> tuple[Tick, ...]:
        """Labelled marks."""
        return tuple(Tick(self(value), f"{value:g}") for value in values)

    def decades(self) -> tuple[Tick, ...]:
        """A labelled mark a power of ten, and the eight between two of them."""
        first, last = round(math.log10(self.low)), round(math.log10(self.high))
        marks = []
        for exponent in range(first, last):
            ten = 10.0**exponent
            marks.append(Tick(self(ten), f"{ten:g}"))
            marks.extend(Tick(self(step * ten)) for step in range(2, 10))
        return (*marks, Tick(self(10.0**last), f"{10.0**last:g}"))

    def _bent(self, value: float) -> float:
        return math.log(value, self._base) if self._base else value


def round_steps(highest: float, count: int = 4) -> list[float]:
    """0, and about `count` equal steps of 1, 2 or 5 times a power of ten, to beyond `highest`."""
    rough = max(highest, 1e-9) / count
    ten = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * ten for factor in (1, 2, 5, 10) if factor * ten >= rough)
    return [round(step * place, 12) for place in range(math.ceil(highest / step) + 1)]


def around(values: Sequence[float]) -> tuple[float, float]:
    """The powers of ten below and above positive values."""
    low = 10.0 ** math.floor(math.log10(min(values)))
    high = 10.0 ** math.ceil(math.log10(max(values)))
    return low, (high if high > low else 10 * low)
