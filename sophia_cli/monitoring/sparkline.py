"""A line of small bars that fits the room that it is given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.text import Text

_BARS = "▁▂▃▄▅▆▇█"
_NONE = " "


@dataclass(frozen=True, slots=True)
class Sparkline:
    """The newest values at the right; nothing where there was none.

    Attributes:
        log: for what spans powers of ten: the lowest bar is the smallest value, not 0.
        widest: how many there is room for at most.
    """

    values: Sequence[float | None]
    log: bool = False
    widest: int = 30
    style: str = "cyan"

    def bars(self, room: int) -> str:
        """The last `room` of them, one character each."""
        shown = self.values[-room:]
        there = [value for value in shown if value is not None]
        if not there:
            return _NONE * room
        low, high = self._bent(min(there)) if self.log else 0.0, self._bent(max(there))
        return "".join(self._bar(value, low, high) for value in shown).rjust(room, _NONE)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Text]:
        """See rich."""
        yield Text(self.bars(min(options.max_width, self.widest)), style=self.style, no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """See rich."""
        return Measurement(min(4, options.max_width), min(self.widest, options.max_width))

    def _bar(self, value: float | None, low: float, high: float) -> str:
        if value is None:
            return _NONE
        share = (self._bent(value) - low) / (high - low) if high > low else float(value > 0)
        return _BARS[min(int(share * len(_BARS)), len(_BARS) - 1)]

    def _bent(self, value: float) -> float:
        return math.log10(max(value, 1e-9)) if self.log else value
