"""What the process measures of itself: latencies and counts per tier, never quoted figures."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from typing import Any

import numpy as np

from sophia_cli.memory.trace import Trace

_KEPT = 4096


class Meters:
    """The latest latencies of each operation and tier, and what served the answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._durations: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self._calls: dict[str, int] = defaultdict(int)
        self._served: dict[str, int] = defaultdict(int)

    def note(self, operation: str, milliseconds: float, trace: Trace) -> None:
        """Adds one finished operation and its trace."""
        with self._lock:
            for name, spent in [(operation, milliseconds), *trace.tiers.items()]:
                self._durations[name].append(spent)
                self._calls[name] += 1
            if operation == "recall" and trace.served_by is not None:
                self._served[trace.served_by] += 1

    def latencies(self) -> dict[str, dict[str, Any]]:
        """For each operation and tier: calls since start, and percentiles of the latest 4,096."""
        with self._lock:
            kept = {name: list(values) for name, values in self._durations.items()}
            calls = dict(self._calls)
        summary = {}
        for name, values in kept.items():
            p50, p95, p99 = np.percentile(values, [50, 95, 99]).tolist()
            summary[name] = {
                "calls": calls[name],
                "p50_ms": round(p50, 3),
                "p95_ms": round(p95, 3),
                "p99_ms": round(p99, 3),
            }
        return summary

    def served(self) -> dict[str, int]:
        """How many recalls each tier served."""
        with self._lock:
            return dict(self._served)
