"""Points of the engine in process looked at whole: by their seals, and against the records.

A page of 64 costs about 2 ms: two searches that are told its ids give both cosines of each, the
scroll gives its payload. That is 40,000 points a second; with the vectors themselves, as lists of
Python's numbers, it is 16,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import qdrant_edge as engine

from sophia_cli.memory.model import IndexEntry, Vector
from sophia_cli.memory.seal import direction
from sophia_cli.tiers.vectors.comparing import WORDS, difference
from sophia_cli.tiers.vectors.schema import DENSE
from sophia_cli.tiers.vectors.seal import digest_of
from sophia_cli.tiers.vectors.shard import payload_of

POINTS = 64
"""Points looked at in one go."""

_IN_FULL = engine.SearchParams(
    exact=True, quantization=engine.QuantizationSearchParams(ignore=True)
)


def proven(
    shard: engine.EdgeShard, start: Any | None, limit: int, dimension: int
) -> tuple[list[UUID], list[int], UUID | None]:
    """The next `limit` points, or `POINTS`: ids, digests (see `Page`), where the next begin."""
    records, following = shard.scroll(
        engine.ScrollRequest(
            offset=start, limit=min(limit, POINTS), with_payload=True, with_vector=False
        )
    )
    # An id that is a number is nobody's that sophia knows.
    records = [record for record in records if isinstance(record.id, UUID)]
    ids = [cast(UUID, record.id) for record in records]
    if not ids:
        return [], [], cast("UUID | None", following)
    towards = direction(dimension)
    dense, context = (_cosines(shard, ids, name, towards) for name in DENSE)
    digests = [
        digest_of(record.payload, dense.get(id_, 2.0), context.get(id_, 2.0))
        for id_, record in zip(ids, records, strict=True)
    ]
    return ids, digests, cast("UUID | None", following)


def differing(shard: engine.EdgeShard, entries: Sequence[IndexEntry]) -> dict[UUID, str]:
    """See `Copy.differing`."""
    records = shard.retrieve([entry.id for entry in entries], True, [*DENSE, WORDS])
    stored = {cast(UUID, record.id): record for record in records}
    found: dict[UUID, str] = {}
    for entry in entries:
        record = stored.get(entry.id)
        if record is None:
            found[entry.id] = "missing"
            continue
        part = difference(entry, payload_of(entry), record.payload, _vectors(record.vector))
        if part:
            found[entry.id] = part
    return found


def _cosines(
    shard: engine.EdgeShard, ids: Sequence[UUID], name: str, towards: Vector
) -> dict[UUID, float]:
    hits = shard.query(
        engine.QueryRequest(
            limit=len(ids),
            query=engine.Query.Nearest(towards.tolist(), using=name),
            filter=engine.Filter(must=[engine.HasIdCondition(set(ids))]),
            params=_IN_FULL,
            with_payload=False,
            with_vector=False,
        )
    )
    return {cast(UUID, hit.id): hit.score for hit in hits}


def _vectors(stored: Any) -> dict[str, Any]:
    found = dict(stored or {})
    words = found.get(WORDS)
    if words is not None:
        found[WORDS] = dict(zip(words.indices, words.values, strict=True))
    return found
