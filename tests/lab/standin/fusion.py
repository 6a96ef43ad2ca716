"""What several shards found put together: by score, or by the fusion of the whole collection.

A server fuses the prefetches over all shards, not within each: RRF counts ranks in the merged list.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .queries import RRF_K

Json = Any


def best(lists: Sequence[Sequence[Json]], limit: int) -> list[Json]:
    """The best of all, each point once; in the order asked for where one was."""
    merged = {str(hit["id"]): hit for hits in reversed(lists) for hit in hits}
    ordered = any("order_value" in hit for hit in merged.values())
    hits = list(merged.values())
    if not ordered:
        hits.sort(key=lambda hit: -hit["score"])
    return hits[:limit]


def fused(query: Json, lists: Sequence[Sequence[Json]], limit: int) -> list[Json]:
    """The fusion of ranked lists, one a prefetch.

    RRF is `1 / ((rank + 1) / weight - 1 + k)` summed over the lists, ranks from 0 (checked against
    the recorded scores); DBSF is each list's scores from mean - 3 to mean + 3 deviations as 0 to 1.
    """
    rrf = query.get("rrf") or {}
    if query.get("fusion") == "dbsf":
        scored = [_normalised(hits) for hits in lists]
    else:
        weights = rrf.get("weights") or [1.0] * len(lists)
        k = rrf.get("k") or RRF_K
        scored = [
            [1.0 / ((rank + 1) / weight - 1 + k) for rank in range(len(hits))]
            for hits, weight in zip(lists, weights, strict=True)
        ]
    sums: dict[str, float] = {}
    found: dict[str, Json] = {}
    for hits, scores in zip(lists, scored, strict=True):
        for hit, score in zip(hits, scores, strict=True):
            key = str(hit["id"])
            found.setdefault(key, hit)
            sums[key] = sums.get(key, 0.0) + score
    ranked = sorted(sums, key=lambda key: -sums[key])[:limit]
    return [{**found[key], "score": sums[key]} for key in ranked]


def _normalised(hits: Sequence[Json]) -> list[float]:
    scores = [hit["score"] for hit in hits]
    if len(scores) < 2:
        return [0.5] * len(scores)
    mean = sum(scores) / len(scores)
    deviation = math.sqrt(sum((one - mean) ** 2 for one in scores) / (len(scores) - 1))
    if deviation == 0:
        return [0.5] * len(scores)
    low, high = mean - 3 * deviation, mean + 3 * deviation
    return [(one - low) / (high - low) for one in scores]
