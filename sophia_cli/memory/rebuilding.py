"""Rebuilds: the index from the records, and every vector with another model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sophia_cli.memory.model import KINDS, Kind
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.words import embedded_text

_PAGE = 256


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did: points written from the records, and points that had no memory."""

    written: int = 0
    orphans: int = 0
    embedded: int = 0


def reindex(
    service: MemoryService,
    kinds: Sequence[Kind],
    now: datetime,
    advance: Callable[[int], None],
    *,
    from_scratch: bool = False,
) -> Rebuilt:
    """Writes every live memory to the vectors again, and removes points that none stands for.

    Recall goes on meanwhile. `from_scratch` drops the collections first: for an index that cannot
    be read any more.

    Raises:
        TierDown: the vectors cannot serve; what is left stays owed and is done later.
    """
    rebuilt = Rebuilt()
    dimension = service.records.models.current().dimension or service.embedder.dimension
    outbox, queries = service.records.outbox, service.records.queries
    for kind in kinds:
        if from_scratch:
            service.vectors.reset(kind, dimension)
        orphans = set() if from_scratch else set(service.vectors.ids(kind))
        for page in queries.ids_of(kind, now):
            orphans -= page
            ids = sorted(page)
            for start in range(0, len(ids), _PAGE):
                part = ids[start : start + _PAGE]
                service.indexer.apply(outbox.owe(part))
                rebuilt.written += len(part)
                advance(len(part))
        # One that was written meanwhile is no orphan: the records have the last word.
        alive = {
            id_
            for id_, memory in queries.get(list(orphans)).items()
            if memory.kind is kind and memory.live_at(now)
        }
        gone = sorted(orphans - alive)
        service.vectors.delete(kind, gone)
        rebuilt.orphans += len(gone)
    service.vectors.flush()
    return rebuilt


def re_embed(service: MemoryService, advance: Callable[[int], None]) -> int:
    """Makes every memory's vector with the configured model, then switches the store to it.

    Until the switch, recall works with the old vectors; interrupted, it goes on where it was.
    Returns how many memories were embedded.
    """
    model, dimension = service.embedder.model, service.embedder.dimension
    done = 0
    while lacking := service.records.models.lacking(model, dimension, _PAGE):
        vectors = service.embedder.embed([embedded_text(memory) for memory in lacking])
        service.records.models.put(model, dimension, lacking, list(vectors))
        done += len(lacking)
        advance(len(lacking))
    service.records.models.switch(model, dimension)
    for kind in KINDS:
        service.vectors.reset(kind, dimension)
    return done
