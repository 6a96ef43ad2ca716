"""Points of the engine in process looked at whole: by their seals, and against the records.

Two searches that are told a page's ids give both cosines of each, the scroll gives its payload. So
no vector leaves the engine as a list of Python's numbers. `sophia bench comparison` says how many
points a second that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import qdrant_edge as engine

from sophia_cli.memory.model import IndexEntry, Vector
from sophia_cli.memory.seal import direction
from sophia_cli.tiers.vectors.comparing import WORDS, difference
from sophia_cli.tiers.vectors.names import DENSE
from sophia_cli.tiers.vectors.seal import digest_of
from sophia_cli.tiers.vectors.shard import payload_of

POINTS = 128
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
    # The engine makes a new UUID at each look at an id. One that is a number is nobody's that
    # sophia knows.
    known = [(id_, record) for record in records if isinstance(id_ := record.id, UUID)]
    ids = [id_ for id_, _ in known]
    if not ids:
        return [], [], cast("UUID | None", following)
    towards = direction(dimension)
    these = engine.Filter(must=[engine.HasIdCondition(set(ids))])
    dense, context = (_cosines(shard, len(ids), these, name, towards) for name in DENSE)
    digests = [
        digest_of(record.payload, dense.get(id_.int, 2.0), context.get(id_.int, 2.0))
        for id_, record in known
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
    shard: engine.EdgeShard, limit: int, these: engine.Filter, name: str, towards: Vector
) -> dict[int, float]:
    """By the number of an id, whose hash is cheaper than that of a UUID."""
    hits = shard.query(
        engine.QueryRequest(
            limit=limit,
            query=engine.Query.Nearest(towards.tolist(), using=name),
            filter=these,
            params=_IN_FULL,
            with_payload=False,
            with_vector=False,
        )
    )
    return {cast(UUID, hit.id).int: hit.score for hit in hits}


def _vectors(stored: Any) -> dict[str, Any]:
    found = dict(stored or {})
    words = found.get(WORDS)
    if words is not None:
        found[WORDS] = dict(zip(words.indices, words.values, strict=True))
    return found
