"""The block that is measured: what an operation notes, and the word that it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from sophia_cli.errors import TierDown
from sophia_cli.memory.trace import Trace

Ended = tuple[
    str,
    float,
    float,
    str | None,
    tuple[Mapping[str, float], Mapping[str, float]],
    Mapping[str, bool],
    Sequence[tuple[str, str, bool]],
    str | None,
]
"""The word that an operation leaves: its name, when it began and ended (seconds of the clock), the
code of the error that it failed with (None if it did not, empty if it was interrupted), the
milliseconds of its trace in each tier before it and after it, which tiers answered, what was looked
up, and who served. A plain tuple, as it is the quickest to make."""
Observer = Callable[[str, float, float, Trace, BaseException | None], None]
"""Is told of each operation at its end: its name, when it began and ended, its trace, its error."""


class Meter(Protocol):
    """Who takes the word."""

    clock: Callable[[], float]
    observer: Observer | None

    def leave(self, ended: Ended) -> None:
        """Takes it."""


class Measuring:
    """See `Meters.measure`. A class, since a generator takes twice as long."""

    __slots__ = ("_before", "_meter", "_operation", "_started", "_trace")

    def __init__(self, meter: Meter, operation: str, trace: Trace) -> None:
        self._meter = meter
        self._operation = operation
        self._trace = trace

    def __enter__(self) -> None:
        trace = self._trace
        self._before = trace.tiers.copy()
        trace.answered.clear()
        trace.look_ups.clear()
        trace.facts = {}
        if self._meter.observer is not None:
            trace.stays = []
        self._started = self._meter.clock()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        meter, trace, code = self._meter, self._trace, None
        at = meter.clock()
        if error is not None:
            if isinstance(error, TierDown):
                trace.answered[error.tier] = False
            code = getattr(error, "code", "internal") if isinstance(error, Exception) else ""
        meter.leave(
            (
                self._operation,
                self._started,
                at,
                code,
                (self._before, trace.tiers.copy()),
                trace.answered.copy(),
                trace.look_ups.copy(),
                trace.served_by,
            )
        )
        if meter.observer is not None:
            meter.observer(self._operation, self._started, at, trace, error)
