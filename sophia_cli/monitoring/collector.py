"""From what a process has measured to samples of the declared metrics: a scrape, no more.

Nothing is counted here: operations note what they do in the service's meters, whether somebody
scrapes or not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)

from sophia_cli import __version__
from sophia_cli.home import Home
from sophia_cli.memory.latencies import Distribution
from sophia_cli.memory.model import KINDS
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.statistics import TIERS
from sophia_cli.monitoring import declarations as of
from sophia_cli.monitoring.declarations import BOUNDS, METRICS, Metric
from sophia_cli.monitoring.figures import Figures

Sample = tuple[Metric, tuple[str, ...], float | Distribution | None]
"""A metric, the values of its labels in their order, and its value; None where there is none."""

_BOUNDS_MS = [1000 * bound for bound in BOUNDS]
_LE = [*map(str, BOUNDS), "+Inf"]
_PARTS = frozenset((*TIERS, "ranking"))
_USES = ("recalls", "stored")


def samples(service: MemoryService, figures: Figures) -> dict[str, list[Sample]]:
    """What there is to say now of each metric, by its name; one without samples is left out."""
    figures.refresh()
    found: dict[str, list[Sample]] = {}
    for source in (_measured(service), _asked(service, figures), _front(service), _machine()):
        for sample in source:
            if sample[2] is not None:
                found.setdefault(sample[0].name, []).append(sample)
    return found


def families(service: MemoryService, figures: Figures) -> list[Family]:
    """The same as prometheus-client has it, in the order of the declarations."""
    found = samples(service, figures)
    return [_family(metric, found[metric.name]) for metric in METRICS if metric.name in found]


def _measured(service: MemoryService) -> Iterator[Sample]:
    meters = service.meters
    yield of.BUILD_INFO, (__version__,), 1
    for tier, spread in meters.recalls(_BOUNDS_MS).items():
        yield of.RECALL_DURATION, (tier,), spread
    for name, spread in meters.durations(_BOUNDS_MS).items():
        metric = of.TIER_DURATION if name in _PARTS else of.OPERATION_DURATION
        yield metric, (name,), spread
    for failure, count in meters.failures().items():
        yield of.OPERATION_FAILURES, failure, count
    for tier in TIERS:
        yield of.TIER_DEGRADED, (tier,), meters.degraded_seconds(tier)
        for what, counts in meters.look_ups(tier).items():
            yield of.CACHE_LOOKUPS, (tier, what, "hit"), counts["found"]
            yield of.CACHE_LOOKUPS, (tier, what, "miss"), counts["asked"] - counts["found"]
    for kind, uses in meters.usage().items():
        for what in _USES:
            yield of.USAGE, (kind, what), uses.get(what, 0)


def _asked(service: MemoryService, figures: Figures) -> Iterator[Sample]:
    yield of.TIER_UP, ("embedding",), not service.meters.down("embedding")
    yield of.TIER_UP, ("records",), figures.up("records")
    yield of.TIER_UP, ("vectors",), figures.up("vectors")
    hot = figures["hot_cache"]
    if hot is not None or figures.up("hot_cache") is False:  # up without any: it is switched off
        yield of.TIER_UP, ("hot_cache",), figures.up("hot_cache")
    if hot is not None:
        yield of.CACHE_ENTRIES, ("hot_cache", "all"), hot.entries
        yield of.CACHE_BYTES, ("hot_cache", "all"), hot.bytes
        yield of.CACHE_EVICTIONS, ("hot_cache", "all"), hot.evictions
    if figures["outbox"] is not None:
        entries, age = figures["outbox"]
        yield of.OUTBOX_ENTRIES, (), entries
        yield of.OUTBOX_AGE, (), age
    for kind, state, count in figures["memories"] or ():
        yield of.MEMORIES, (kind, state), count
    points = figures["points"] or {}
    for each in KINDS:
        yield of.INDEX_POINTS, (each.value,), points.get(each.value)
    for tier in ("records", "vectors"):
        yield of.TIER_SIZE, (tier,), figures[f"{tier}_bytes"]
    for gpu in figures["gpu"].gpus if figures["gpu"] is not None else ():
        index = str(gpu.index)
        busy = None if gpu.utilization is None else gpu.utilization / 100
        yield of.GPU_USED, (index,), gpu.memory_used
        yield of.GPU_MEMORY, (index,), gpu.memory_total
        yield of.GPU_BUSY, (index,), busy
        yield of.GPU_HEAT, (index,), gpu.temperature


def _front(service: MemoryService) -> Iterator[Sample]:
    kept = service.front.stats()
    if kept.state != "off" or service.front_fault:
        yield of.TIER_UP, ("gpu_cache",), service.front_fault is None
    for what, each in (("answers", kept.answers), ("vectors", kept.vectors)):
        labels = ("gpu_cache", what)
        yield of.CACHE_ENTRIES, labels, each.entries
        yield of.CACHE_BYTES, labels, each.bytes
        yield of.CACHE_LIMIT, labels, each.budget
        yield of.CACHE_EVICTIONS, labels, each.evictions


def _machine() -> Iterator[Sample]:
    with contextlib.suppress(OSError):
        disk = shutil.disk_usage(Home.of(os.environ).root)
        yield of.DISK_FREE, (), disk.free
        yield of.DISK_SIZE, (), disk.total
    with contextlib.suppress(OSError, ValueError):  # Linux only
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        told = {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines}
        yield of.MACHINE_FREE, (), told.get("MemAvailable")
        yield of.MACHINE_MEMORY, (), told.get("MemTotal")


def _family(metric: Metric, found: Iterable[Sample]) -> Family:
    if metric.type == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for _, labels, spread in found:
            assert isinstance(spread, Distribution)  # noqa: S101  (`_measured` yields no other)
            buckets = list(zip(_LE, (*spread.below, spread.calls), strict=True))
            histogram.add_metric(labels, buckets, spread.total / 1000)
        return histogram
    kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for _, labels, value in found:
        assert not isinstance(value, Distribution) and value is not None  # noqa: S101
        family.add_metric(labels, float(value))
    return family
