"""From which values on it is time to warn: for the rules of Prometheus and for the live view."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Seconds, counts, and shares from 0 to 1.

    Attributes:
        hold: how long a condition must hold before it is told; the live view does not wait.
        recall_p99: the guide's target for a recall.
        outbox_age, outbox_entries: what the vectors may owe.
        hit_rate_left: of the usual hit rate of answers.
        degraded_share: of the last 10 minutes.
        free_share: of a disk or memory.
    """

    hold: float = 120.0
    recall_p99: float = 0.2
    outbox_age: float = 300.0
    outbox_entries: int = 1000
    hit_rate_left: float = 0.5
    degraded_share: float = 0.1
    free_share: float = 0.1


CALLERS_OWN = (
    *("invalid_input", "not_found", "conflict", "refused", "forbidden", "unauthorized"),
    *("too_large", "rate_limited", "interrupted", "usage"),
)
"""Codes of failures that say nothing of sophia."""
