"""A request that may come twice, carried out once: its client did not hear the first answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sophia_cli.memory.model import Draft
from sophia_cli.memory.service import MemoryService, Remembered
from sophia_cli.memory.trace import Trace
from sophia_cli.tiers.records.database import Connection
from sophia_cli.tiers.records.idempotency import Answered, Kept, Once, keep_in


def remember_once(
    service: MemoryService, drafts: Sequence[Draft], now: datetime, trace: Trace, once: Once
) -> list[Remembered]:
    """`MemoryService.remember`; a repeated request is answered as the first time.

    So it is whatever became of the memories meanwhile: one that was forgotten stays forgotten.
    The trace then notes `repeated`.

    Raises:
        Conflict: another request has the key of this one.
        InvalidInput, Refused, TierDown: see `MemoryService.remember`.
    """
    repeated = _repeated(_find(service, trace, once), trace)
    if repeated is not None:
        return repeated
    kept = False

    def keep(connection: Connection, stored: Sequence[Remembered]) -> None:
        nonlocal kept
        keep_in(connection, once, _kept(stored))
        kept = True

    try:
        stored = service.remember(drafts, now, trace, keep)
        if not kept:  # for there was nothing to store
            with trace.tier("records"):
                service.records.idempotency.keep(once, _kept(stored))
    except Answered:
        return _repeated(_find(service, trace, once), trace) or []
    return stored


def _find(service: MemoryService, trace: Trace, once: Once) -> list[Kept] | None:
    with trace.tier("records"):
        return service.records.idempotency.find(once)


def _repeated(answered: Sequence[Kept] | None, trace: Trace) -> list[Remembered] | None:
    if answered is None:
        return None
    trace.notes["repeated"] = True
    return [Remembered(each.id, each.created, each.kind, "answered before") for each in answered]


def _kept(stored: Sequence[Remembered]) -> list[Kept]:
    return [Kept(each.id, each.kind, each.created) for each in stored]
