"""How often each endpoint answered what, and how long it took."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from .failures import now_ms

# The buckets of the recorded histogram, seconds.
BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 10, 50)


@dataclass
class Count:
    times: list[float] = field(default_factory=list)
    last: str = ""


class Searches:
    """How long the searches of a replica took; nothing is shown before the first."""

    def __init__(self) -> None:
        self._count = Count()

    def add(self, seconds: float) -> None:
        self._count.times.append(seconds)
        del self._count.times[:-10_000]
        self._count.last = now_ms()

    @property
    def any(self) -> bool:
        return bool(self._count.times)

    def shown(self, name: str) -> dict[str, Any]:
        return {name: _summary(self._count, full=True)} if self.any else {}


class Counts:
    """By method and endpoint, then by status."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, int], Count] = {}

    def add(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        with self._lock:
            count = self._counts.setdefault((method, endpoint, status), Count())
            count.times.append(seconds)
            del count.times[:-10_000]
            count.last = now_ms()

    def listed(self) -> list[tuple[str, str, int, list[float]]]:
        """Method, endpoint, status, and the seconds that each answer took."""
        with self._lock:
            return [(*key, list(count.times)) for key, count in self._counts.items()]

    def telemetry(self, full: bool) -> dict[str, Any]:
        """As `/telemetry` shows them."""
        with self._lock:
            counted = list(self._counts.items())
        shown: dict[str, Any] = {}
        for (method, endpoint, status), count in counted:
            shown.setdefault(f"{method} {endpoint}", {})[str(status)] = _summary(count, full)
        return shown


def _summary(count: Count, full: bool) -> dict[str, Any]:
    micros = [one * 1e6 for one in list(count.times)]
    entry: dict[str, Any] = {
        "count": len(micros),
        "avg_duration_micros": sum(micros) / len(micros),
    }
    if full:
        entry |= {
            "min_duration_micros": float(round(min(micros))),
            "max_duration_micros": float(round(max(micros))),
            "total_duration_micros": round(sum(micros)),
            "last_responded": count.last,
        }
    return entry
