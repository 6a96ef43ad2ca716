"""Which alerts would fire now, as the live view can tell without Prometheus.

The thresholds are those of the rules; the view does not wait for a condition to last, and knows no
more of the past than it has watched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sophia_cli.monitoring import declarations as of
from sophia_cli.monitoring.history import History
from sophia_cli.monitoring.thresholds import CALLERS_OWN, Thresholds

_CACHES = frozenset(("hot_cache", "gpu_cache"))
_FEWEST_LOOK_UPS = 100
_LATELY, _LONG = 600.0, 1800.0


@dataclass(frozen=True, slots=True)
class Warned:
    """An alert by its name in the rules, and what is the matter."""

    alert: str
    about: str


def firing(history: History, recall_p99: float | None, thresholds: Thresholds) -> Iterator[Warned]:
    """Every alert whose condition holds.

    Args:
        recall_p99: of the last five minutes, seconds; None without recalls.
    """
    yield from _down(history)
    yield from _degraded(history, thresholds)
    yield from _outbox(history, thresholds)
    if recall_p99 is not None and recall_p99 > thresholds.recall_p99:
        yield Warned("SophiaRecallSlow", f"p99 of the last 5 minutes is {recall_p99:.3g} s")
    yield from _hit_rates(history, thresholds)
    yield from _failing(history)
    for alert, what, free, whole in (
        ("SophiaDiskFull", "disk", of.DISK_FREE, of.DISK_SIZE),
        ("SophiaMemoryLow", "memory", of.MACHINE_FREE, of.MACHINE_MEMORY),
    ):
        left, all_of_it = history.now(free), history.now(whole)
        if left is not None and all_of_it and left / all_of_it < thresholds.free_share:
            yield Warned(alert, f"{left / all_of_it:.0%} of the {what} is free")


def _down(history: History) -> Iterator[Warned]:
    for (tier,) in history.labels(of.TIER_UP):
        if history.now(of.TIER_UP, tier) == 0:
            alert = "SophiaCacheDown" if tier in _CACHES else "SophiaTierDown"
            yield Warned(alert, f"{tier} does not answer")


def _degraded(history: History, thresholds: Thresholds) -> Iterator[Warned]:
    for (tier,) in history.labels(of.TIER_DEGRADED):
        missing, seconds = history.grown(of.TIER_DEGRADED, tier, seconds=_LATELY)
        if seconds and missing / seconds > thresholds.degraded_share:
            yield Warned(
                "SophiaDegraded", f"{tier} was missing {missing / seconds:.0%} of the time"
            )


def _outbox(history: History, thresholds: Thresholds) -> Iterator[Warned]:
    age, entries = history.now(of.OUTBOX_AGE), history.now(of.OUTBOX_ENTRIES)
    if age is not None and age > thresholds.outbox_age:
        yield Warned("SophiaOutboxOld", f"the oldest entry has waited {age:,.0f} s")
    grown, _ = history.grown(of.OUTBOX_ENTRIES, seconds=_LONG)
    if grown > 0 and entries is not None and entries > thresholds.outbox_entries:
        yield Warned("SophiaOutboxGrowing", f"{entries:,.0f} entries, {grown:,.0f} more")


def _hit_rates(history: History, thresholds: Thresholds) -> Iterator[Warned]:
    """Of what was watched, beside all since the process started."""
    for tier in ("gpu_cache", "hot_cache"):
        hit, miss = ((tier, "answers", result) for result in ("hit", "miss"))
        hits, misses = (
            history.grown(of.CACHE_LOOKUPS, *each, seconds=_LONG)[0] for each in (hit, miss)
        )
        ever = history.now(of.CACHE_LOOKUPS, *hit) or 0.0
        asked_ever = ever + (history.now(of.CACHE_LOOKUPS, *miss) or 0.0)
        asked = hits + misses
        if asked > _FEWEST_LOOK_UPS and hits / asked < thresholds.hit_rate_left * ever / asked_ever:
            yield Warned(
                "SophiaHitRateCollapsed",
                f"{tier} answers {hits / asked:.0%}, {ever / asked_ever:.0%} since the start",
            )


def _failing(history: History) -> Iterator[Warned]:
    for operation, code in history.labels(of.OPERATION_FAILURES):
        failed, _ = history.grown(of.OPERATION_FAILURES, operation, code, seconds=_LATELY)
        if failed and code not in CALLERS_OWN:
            yield Warned("SophiaFailing", f"{operation} failed {failed:,.0f} times: {code}")
