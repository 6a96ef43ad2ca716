"""Every metric once: its name, type, labels and meaning. The exposition and the docs follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One family. Base units: seconds, bytes, ratios from 0 to 1."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


BOUNDS = (
    *(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)
"""The histograms' bounds, seconds: from a cached answer (0.2 ms) to the longest time-out; 0.2 is
the guide's target for a recall."""

BUILD_INFO = Metric("sophia_build_info", "gauge", "Always 1; the version that runs.", ("version",))
RECALL_DURATION = Metric(
    "sophia_recall_duration_seconds",
    "histogram",
    "How long recalls took, those by meaning alone (similar) included, by the tier that served.",
    ("served_by",),
)
OPERATION_DURATION = Metric(
    "sophia_operation_duration_seconds",
    "histogram",
    "How long each operation took; those that failed are not in it.",
    ("operation",),
)
OPERATION_FAILURES = Metric(
    "sophia_operation_failures_total",
    "counter",
    "Operations that failed, by the code of their error.",
    ("operation", "code"),
)
TIER_DURATION = Metric(
    "sophia_tier_duration_seconds",
    "histogram",
    "All the time that one operation spent in a tier; embedding and ranking count as tiers.",
    ("tier",),
)
TIER_UP = Metric(
    "sophia_tier_up",
    "gauge",
    "Whether a tier answers: asked at the scrape; of embedding, at its last use. A tier that is "
    "switched off has no sample.",
    ("tier",),
)
TIER_DEGRADED = Metric(
    "sophia_tier_degraded_seconds_total",
    "counter",
    "How long a tier was down: from the first request that met it down to the next it served.",
    ("tier",),
)
CACHE_LOOKUPS = Metric(
    "sophia_cache_lookups_total",
    "counter",
    "Look-ups in a cache, of answers or of questions' vectors, by result: hit or miss.",
    ("tier", "what", "result"),
)
CACHE_ENTRIES = Metric(
    "sophia_cache_entries",
    "gauge",
    "What a cache holds. gpu_cache: answers, with questions' vectors among them, and the vectors "
    "of memories; hot_cache: all.",
    ("tier", "what"),
)
CACHE_BYTES = Metric("sophia_cache_bytes", "gauge", "What that takes.", ("tier", "what"))
CACHE_LIMIT = Metric(
    "sophia_cache_limit_bytes", "gauge", "What it may take before it evicts.", ("tier", "what")
)
CACHE_EVICTIONS = Metric(
    "sophia_cache_evictions_total",
    "counter",
    "Entries that had to go for others; of the hot cache, as its server counts them.",
    ("tier", "what"),
)
OUTBOX_ENTRIES = Metric(
    "sophia_outbox_entries", "gauge", "Memories that the vectors still owe, of all processes."
)
OUTBOX_AGE = Metric(
    "sophia_outbox_oldest_age_seconds", "gauge", "How long the oldest of them has waited."
)
MEMORIES = Metric(
    "sophia_memories",
    "gauge",
    "Memories in the records: live, superseded, expired or forgotten.",
    ("kind", "state"),
)
INDEX_POINTS = Metric("sophia_index_points", "gauge", "Points in the vectors.", ("kind",))
TIER_SIZE = Metric("sophia_tier_size_bytes", "gauge", "What a tier takes on the disk.", ("tier",))
USAGE = Metric(
    "sophia_usage_total",
    "counter",
    "What the kinds of memory were used for: recalls, stored. One recall may look in both.",
    ("kind", "what"),
)
DISK_FREE = Metric("sophia_disk_free_bytes", "gauge", "Free on the disk of sophia's home.")
DISK_SIZE = Metric("sophia_disk_size_bytes", "gauge", "The size of that disk.")
MACHINE_FREE = Metric(
    "sophia_machine_memory_available_bytes", "gauge", "Memory of the machine that can be had."
)
MACHINE_MEMORY = Metric("sophia_machine_memory_bytes", "gauge", "All memory of the machine.")
GPU_USED = Metric(
    "sophia_gpu_memory_used_bytes", "gauge", "Memory of a GPU in use, by all processes.", ("gpu",)
)
GPU_MEMORY = Metric("sophia_gpu_memory_bytes", "gauge", "All memory of a GPU.", ("gpu",))
GPU_BUSY = Metric(
    "sophia_gpu_utilization_ratio", "gauge", "The share of time in which a GPU worked.", ("gpu",)
)
GPU_HEAT = Metric("sophia_gpu_temperature_celsius", "gauge", "How hot a GPU is.", ("gpu",))

METRICS = tuple(each for each in list(globals().values()) if isinstance(each, Metric))
"""All of them, in the order of the exposition."""
