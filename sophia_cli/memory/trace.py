"""A trace per answer: which tier served it, how long each took, and what was degraded."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sophia_cli.correlation import current
from sophia_cli.errors import TierDown


class Stay(NamedTuple):
    """One time that an operation spent in a tier: from when to when, and whether it answered.

    Seconds of `time.perf_counter`.
    """

    tier: str
    started: float
    ended: float
    up: bool


@dataclass(slots=True)
class Trace:
    """Collected while a request runs; times in milliseconds.

    Attributes:
        served_by: the tier the answer came from.
        tiers: milliseconds spent in each tier, in the order they were first asked.
        degraded: one line for each thing that could not be done as it should, with the cause.
        says: what the question was understood to say.
        notes: facts worth knowing of this answer, e.g. the epoch it belongs to.
        answered: whether each tier served when it was last asked; False where it was down.
        look_ups: what was looked for in a cache: the tier, what it was, and whether it was found.
        request: the id by which the logs know it; None outside of any request.
        stays: each stay in a tier; None unless somebody wants to know.
        facts: how many memories of which kinds the operation was about, as logs and spans tell it.
    """

    served_by: str | None = None
    tiers: dict[str, float] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    says: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    answered: dict[str, bool] = field(default_factory=dict)
    look_ups: list[tuple[str, str, bool]] = field(default_factory=list)
    request: str | None = field(default_factory=current)
    stays: list[Stay] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def tier(self, name: str) -> Iterator[None]:
        """Adds the time of the block to a tier, and notes whether it answered."""
        started = time.perf_counter()
        try:
            yield
            self.answered[name] = True
        except TierDown as error:
            self.answered[error.tier] = False
            raise
        finally:
            ended = time.perf_counter()
            self.tiers[name] = self.tiers.get(name, 0.0) + (ended - started) * 1000
            if self.stays is not None:
                self.stays.append(Stay(name, started, ended, self.answered.get(name, True)))

    def tell(self, count: int, kinds: Iterable[str]) -> None:
        """Notes how many memories came back, were stored, changed or erased, and of which kinds."""
        self.facts = {"count": count, "kinds": sorted(set(kinds))}

    def look_up(self, tier: str, what: str, *, found: bool) -> None:
        """Notes that something was looked for in a cache."""
        self.look_ups.append((tier, what, found))

    def degrade(self, reason: str) -> None:
        """Notes that something is missing from the answer, once."""
        if reason not in self.degraded:
            self.degraded.append(reason)

    def as_json(self) -> dict[str, Any]:
        """The trace as `--json` prints it."""
        return {
            "served_by": self.served_by,
            "tiers_ms": {name: round(spent, 3) for name, spent in self.tiers.items()},
            **({} if self.request is None else {"request": self.request}),
            **self.notes,
        }
