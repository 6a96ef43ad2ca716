"""Ranges of points by their sums: where two sums are equal, nothing in the range differs.

A sum is the same in whatever order it is made. So PostgreSQL makes those of the records, sixteen
ranges a query, and only where one differs from that of the points is it divided again: one point
among 8,000 is found in two more queries and a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from uuid import UUID

from sophia_cli.environment import utc_now
from sophia_cli.memory.model import Kind
from sophia_cli.tiers.records.digests import Digests, Sum

_PARTS = 16
_FEW = 64
_LISTED = 4096


class Range:
    """Points in the order of their ids, and their sums.

    Args:
        ids, digests: of all points of the copy from `low` up to before `high`.
    """

    def __init__(
        self, kind: Kind, low: UUID, high: UUID, ids: Sequence[UUID], digests: Sequence[int]
    ) -> None:
        self._kind = kind
        self._bounds = (low, high)
        self._ids = ids
        self._digests = digests
        self._sums = [0, *accumulate(digests)]

    def suspects(self, records: Digests) -> list[UUID]:
        """The ids in which the copy and the records differ.

        Raises:
            TierDown: the records cannot be read.
        """
        return sorted(self._differing(records, 0, len(self._ids), *self._bounds))

    def _differing(
        self, records: Digests, first: int, end: int, low: UUID, high: UUID
    ) -> Iterator[UUID]:
        if end - first <= _FEW:
            yield from self._listed(records, first, end, low, high)
            return
        step = -(-(end - first) // _PARTS)
        starts = list(range(first, end, step))
        # The first part begins at `low`: the records may have something before the first point.
        bounds = [low, *(self._ids[start] for start in starts[1:]), high]
        theirs = records.sums(self._kind, bounds, utc_now())
        for place, start in enumerate(starts):
            stop = min(start + step, end)
            ours = Sum(stop - start, self._sums[stop] - self._sums[start])
            if ours != theirs[place]:
                yield from self._differing(records, start, stop, bounds[place], bounds[place + 1])

    def _listed(
        self, records: Digests, first: int, end: int, low: UUID, high: UUID
    ) -> Iterator[UUID]:
        ours = dict(zip(self._ids[first:end], self._digests[first:end], strict=True))
        while True:
            theirs = records.each(self._kind, low, high, utc_now(), _LISTED)
            full = len(theirs) == _LISTED
            last = max(theirs, default=low)
            for id_, digest in theirs.items():
                if ours.pop(id_, None) != digest:
                    yield id_
            if not full:
                break
            low = UUID(int=last.int + 1)
        yield from ours
