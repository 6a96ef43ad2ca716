"""A trace per answer: which tier served it, how long each took, and what was degraded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Trace:
    """Collected while a request runs; times in milliseconds.

    Attributes:
        served_by: the tier the answer came from.
        tiers: milliseconds spent in each tier, in the order they were first asked.
        degraded: one line for each thing that could not be done as it should, with the cause.
        says: what the question was understood to say.
        notes: facts worth knowing of this answer, e.g. the epoch it belongs to.
    """

    served_by: str | None = None
    tiers: dict[str, float] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    says: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def tier(self, name: str) -> Iterator[None]:
        """Adds the time of the block to a tier."""
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - started) * 1000
            self.tiers[name] = self.tiers.get(name, 0.0) + spent

    def degrade(self, reason: str) -> None:
        """Notes that something is missing from the answer, once."""
        if reason not in self.degraded:
            self.degraded.append(reason)

    def as_json(self) -> dict[str, Any]:
        """The trace as `--json` prints it."""
        return {
            "served_by": self.served_by,
            "tiers_ms": {name: round(spent, 3) for name, spent in self.tiers.items()},
            **self.notes,
        }
