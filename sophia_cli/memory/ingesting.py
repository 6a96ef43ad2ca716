"""Many memories at once: in batches, without duplicates, past bad lines, until interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_draft
from sophia_cli.reading import BadLine, Item

BATCH = 256
"""Drafts a transaction: large enough to embed at full speed, small enough to lose nothing."""


@dataclass(slots=True)
class Tally:
    """What an ingest came to."""

    created: int = 0
    known: int = 0
    bad: list[BadLine] = field(default_factory=list)
    kinds: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))


def ingest(
    service: MemoryService,
    items: Iterable[Item],
    now: datetime,
    trace: Trace,
    tally: Tally,
    advance: Callable[[int], None],
) -> None:
    """Remembers what is read, a batch a transaction; `tally` holds at any time what was done.

    What was stored stays when it is interrupted; run again, it is found and not stored twice.
    """
    for batch in _batches(_checked(items, tally)):
        for remembered in service.remember(batch, now, trace):
            tally.kinds[remembered.kind] += 1
            if remembered.created:
                tally.created += 1
            else:
                tally.known += 1
        advance(len(batch))


def _checked(items: Iterable[Item], tally: Tally) -> Iterator[Draft]:
    for place, item in enumerate(items, 1):
        if isinstance(item, BadLine):
            tally.bad.append(item)
            continue
        try:
            yield checked_draft(item)
        except InvalidInput as error:
            tally.bad.append(BadLine("memory", place, error.message))


def _batches(drafts: Iterator[Draft]) -> Iterator[list[Draft]]:
    batch: list[Draft] = []
    for draft in drafts:
        batch.append(draft)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
