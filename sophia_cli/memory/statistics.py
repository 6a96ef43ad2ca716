"""What the process measured of itself and of its tiers; nothing here is a constant."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sophia_cli.errors import SophiaError
from sophia_cli.memory.model import KINDS
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace


def statistics(service: MemoryService, now: datetime, trace: Trace) -> dict[str, Any]:
    """Memories by kind, and for each tier its size, whether it answers, and how fast."""
    latencies = service.meters.latencies()
    return {
        "memories": _asked(
            trace,
            lambda: service.answers.aggregate(
                "counts",
                service.records.outbox.epochs(),
                lambda: {k.value: v for k, v in service.records.queries.counts(now).items()},
                trace,
            ),
        ),
        "records": _asked(trace, lambda: _records(service)),
        "vectors": _asked(
            trace,
            lambda: {"points": {kind.value: service.vectors.count(kind) for kind in KINDS}},
        ),
        "embedding": _asked(
            trace,
            lambda: {"model": service.embedder.model, "dimension": service.embedder.dimension},
        ),
        "served": service.meters.served(),
        "latencies": latencies,
        "process": {
            "pid": os.getpid(),
            "uptime_s": round((now - service.started_at).total_seconds(), 1),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        },
    }


def _records(service: MemoryService) -> dict[str, Any]:
    started = time.perf_counter()
    length, age = service.records.outbox.size()
    spent = (time.perf_counter() - started) * 1000
    return {
        "version": service.records.version,
        "round_trip_ms": round(spent, 3),
        "outbox": length,
        "outbox_age_s": round(age, 1),
    }


def _asked(trace: Trace, question: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return question()
    except SophiaError as error:
        trace.degrade(error.message)
        return {"error": error.message}
