"""Facts read from the engine in process into their table: those asked for, or all, in passing.

A recall from a store that was just opened meets mostly memories whose facts nobody has read; read
then, they cost it 7 us each, 2 ms in all. So all are read ahead, a little at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import numpy as np
import qdrant_edge as engine
from numpy.typing import NDArray

from sophia_cli.tiers.vectors.facts import FactsTable
from sophia_cli.tiers.vectors.names import FACT_FIELDS

AHEAD = 128
"""Points read ahead in one go: 1 to 3 ms."""


def facts_of(table: FactsTable, shard: engine.EdgeShard, ids: Sequence[UUID]) -> NDArray[np.void]:
    """`FACTS`, (len(ids),): from the table, and into it what it lacks."""
    if table.full:
        table.clear()
    if unknown := table.missing(ids):
        _put(table, shard.retrieve([*unknown], list(FACT_FIELDS), False))
    return table.of(ids)


def read_ahead(table: FactsTable, shard: engine.EdgeShard, start: Any | None) -> Any | None:
    """Puts the facts of the next points into the table.

    Args:
        start: what the call before returned; None at first.

    Returns:
        Where to go on; None after the last point, or once the table is full.
    """
    if table.full:
        return None
    page, following = shard.scroll(
        engine.ScrollRequest(
            offset=start, limit=AHEAD, with_payload=list(FACT_FIELDS), with_vector=False
        )
    )
    _put(table, page)
    return following


def _put(table: FactsTable, records: Sequence[engine.Record]) -> None:
    for record in records:
        table.put(cast(UUID, record.id), record.payload)
