"""What the process measured of itself and of its tiers; nothing here is a constant."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sophia_cli.errors import SophiaError, TierDown
from sophia_cli.memory.model import KINDS
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace

TIERS = ("gpu_cache", "records", "vectors", "hot_cache", "embedding")
"""The tiers that `statistics` tells of, each under its own name."""


def statistics(service: MemoryService, now: datetime, trace: Trace) -> dict[str, Any]:
    """Memories and usage by kind; each tier's state, size, hits, evictions and latencies.

    A tier is asked until it fails once, so that one that is down costs one time-out.
    """
    with service.meters.look(trace):
        memories = _asked(trace, lambda: _memories(service, now, trace))
        broken = "error" in memories
        told = {
            "gpu_cache": _gpu_cache(service),
            "records": memories if broken else _asked(trace, lambda: _records(service, trace)),
            "vectors": _asked(trace, lambda: _vectors(service, trace)),
            "hot_cache": _asked(trace, lambda: _hot_cache(service, trace)),
            "embedding": _asked(trace, lambda: _embedding(service)),
        }
    if not broken:
        told["records"]["entries"] = sum(sum(counts.values()) for counts in memories.values())
    latencies = service.meters.latencies()
    return {
        "memories": memories,
        "usage": service.meters.usage(),
        **{
            name: _tier(service, name, told[name]) | {"latencies": latencies.pop(name, None)}
            for name in TIERS
        },
        "served": service.meters.served(),
        "latencies": latencies,
        "process": {
            "pid": os.getpid(),
            "uptime_s": round((now - service.started_at).total_seconds(), 1),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        },
    }


def _tier(service: MemoryService, name: str, told: dict[str, Any]) -> dict[str, Any]:
    """What is said of every tier, and then what this one told; None where it has no such thing."""
    state = "failed" if "error" in told else "up"
    if service.meters.down(name):
        state = "down"
    look_ups = service.meters.look_ups(name)
    asked = sum(counts["asked"] for counts in look_ups.values())
    found = sum(counts["found"] for counts in look_ups.values())
    return {
        "state": state,
        "bytes": None,
        "entries": None,
        "hit_rate": round(found / asked, 4) if asked else None,
        "look_ups": look_ups or None,
        "evictions": None,
        "degraded_s": round(service.meters.degraded_seconds(name), 3),
        **told,
    }


def _memories(service: MemoryService, now: datetime, trace: Trace) -> dict[str, Any]:
    with trace.tier("records"):
        epochs = service.records.outbox.epochs()

    def count() -> dict[str, Any]:
        with trace.tier("records"):
            counts = service.records.queries.counts(now)
        return {kind.value: counted for kind, counted in counts.items()}

    return service.answers.aggregate("counts", epochs, count, trace)


def _records(service: MemoryService, trace: Trace) -> dict[str, Any]:
    with trace.tier("records"):
        started = time.perf_counter()
        length, age = service.records.outbox.size()
        spent = (time.perf_counter() - started) * 1000
        size = service.records.queries.bytes_on_disk()
    return {
        "bytes": size,
        "version": service.records.version,
        "round_trip_ms": round(spent, 3),
        "outbox": length,
        "outbox_age_s": round(age, 1),
    }


def _vectors(service: MemoryService, trace: Trace) -> dict[str, Any]:
    with trace.tier("vectors"):
        points = {kind.value: service.vectors.count(kind) for kind in KINDS}
        size = service.vectors.bytes_on_disk()
    return {"bytes": size, "entries": sum(points.values()), "points": points}


def _gpu_cache(service: MemoryService) -> dict[str, Any]:
    """What `sophia cache stats` shows, in short."""
    kept = service.front.stats()
    return {
        "state": "failed" if service.front_fault else "off" if kept.state == "off" else "up",
        "device": kept.device or None,
        "bytes": kept.answers.bytes + kept.vectors.bytes,
        "entries": kept.answers.entries + kept.vectors.entries,
        "evictions": kept.answers.evictions + kept.vectors.evictions,
    }


def _hot_cache(service: MemoryService, trace: Trace) -> dict[str, Any]:
    with trace.tier("hot_cache"):
        figures = service.answers.figures()
    if figures is None:
        return {"state": "off", "hit_rate": None}
    return {
        "bytes": figures.bytes,
        "entries": figures.entries,
        "evictions": figures.evictions,
        "server_hits": figures.hits,
        "server_misses": figures.misses,
    }


def _embedding(service: MemoryService) -> dict[str, Any]:
    """Says nothing of whether it is up: that is known of the last request that asked it."""
    return {"model": service.embedder.model, "dimension": service.embedder.dimension}


def _asked(trace: Trace, question: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return question()
    except SophiaError as error:
        if isinstance(error, TierDown):
            trace.answered[error.tier] = False
        trace.degrade(error.message)
        return {"error": error.message}
