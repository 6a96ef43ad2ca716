"""What a live view has seen: the last looks at the metrics, and how they changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from sophia_cli.memory.latencies import Distribution
from sophia_cli.monitoring import declarations as of
from sophia_cli.monitoring.collector import Sample
from sophia_cli.monitoring.declarations import Metric

Labels = tuple[str, ...]
Values = dict[str, dict[Labels, float]]
"""Of each metric by its name: the value for each combination of labels."""

_KEPT = frozenset(
    each.name
    for each in (
        *(of.TIER_DEGRADED, of.CACHE_LOOKUPS, of.OPERATION_FAILURES, of.USAGE),
        *(of.RECALL_DURATION, of.OUTBOX_ENTRIES),
    )
)
_MOST = 300


class History:
    """The newest look as a whole, and of up to 300 before it what is drawn or compared."""

    def __init__(self) -> None:
        self.latest: Values = {}
        self._looks: deque[tuple[float, Values]] = deque(maxlen=_MOST)

    def add(self, at: float, samples: Mapping[str, Sequence[Sample]]) -> None:
        """Adds a look; `at` in seconds that never go back. Of a histogram, how many there were."""
        self.latest = {
            name: {labels: _number(value) for _, labels, value in found}
            for name, found in samples.items()
        }
        kept = {name: values for name, values in self.latest.items() if name in _KEPT}
        self._looks.append((at, kept))

    def now(self, metric: Metric, *labels: str) -> float | None:
        """The newest value."""
        return self.latest.get(metric.name, {}).get(labels)

    def labels(self, metric: Metric) -> list[Labels]:
        """The combinations of labels that the newest look has."""
        return list(self.latest.get(metric.name, {}))

    def values(self, metric: Metric, *labels: str) -> list[float | None]:
        """The value at each look, the oldest first."""
        return [look.get(metric.name, {}).get(labels) for _, look in self._looks]

    def rates(self, metric: Metric, *labels: str) -> list[float | None]:
        """How fast a counter grew from each look to the next, a second."""

        def rate(seconds: float, before: Values, after: Values) -> float | None:
            grown = _grown(before, after, metric, labels)
            return None if grown is None else grown / seconds

        return self._between(rate)

    def shares(self, metric: Metric, part: Labels, other: Labels) -> list[float | None]:
        """Which share of two counters' growth is the first one's, from each look to the next."""

        def share(_: float, before: Values, after: Values) -> float | None:
            ours, theirs = (_grown(before, after, metric, each) or 0.0 for each in (part, other))
            return ours / (ours + theirs) if ours + theirs else None

        return self._between(share)

    def grown(self, metric: Metric, *labels: str, seconds: float) -> tuple[float, float]:
        """By how much a value has grown lately, and in how many seconds, at most those given.

        Both 0 while there is nothing to compare.
        """
        at, newest = self._looks[-1]
        before = next((look for look in self._looks if at - look[0] <= seconds), self._looks[-1])
        grown = _grown(before[1], newest, metric, labels)
        return (0.0 if grown is None else grown), at - before[0]

    def _between(
        self, measure: Callable[[float, Values, Values], float | None]
    ) -> list[float | None]:
        return [
            measure(max(later - earlier, 1e-3), before, after)
            for (earlier, before), (later, after) in pairwise(self._looks)
        ]


def _number(value: float | Distribution | None) -> float:
    return float(value.calls if isinstance(value, Distribution) else value or 0)


def _grown(before: Values, after: Values, metric: Metric, labels: Labels) -> float | None:
    """What was not there before began at 0; a counter that fell was started anew."""
    now = after.get(metric.name, {}).get(labels)
    if now is None:
        return None
    then = before.get(metric.name, {}).get(labels, 0.0)
    return now - then if now >= then or metric.type == "gauge" else now
