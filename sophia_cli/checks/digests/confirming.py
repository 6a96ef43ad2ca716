"""What looks different is looked at again, and compared in full, before it counts as different.

While memories are written, a point may be ahead of the records as they were read, or behind them.
So nothing counts that the index owes, or that changed while it was looked at. And since a process
that was slow may write an older state after a newer one, and notices only then, what differs must
do so at every look, seconds apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from uuid import UUID

from sophia_cli.checks.digests.difference import Difference, Fault, Named, Suspect
from sophia_cli.environment import utc_now
from sophia_cli.memory.model import KINDS, Kind
from sophia_cli.memory.service import MemoryService
from sophia_cli.tiers.records.digests import Standing

PAUSES = (0.5, 1.5)
"""Seconds before the second look, and before the third."""

_BATCH = 256


def confirmed(
    service: MemoryService,
    copies: Sequence[Named],
    suspects: Iterable[Suspect],
    *,
    pauses: Sequence[float] = PAUSES,
    wait: Callable[[float], object] = time.sleep,
) -> list[Difference]:
    """Those that really differ, in the order of their ids.

    Args:
        pauses: before each further look; without any, one look decides.
        wait: waits so many seconds; raises when the caller has had enough.

    Raises:
        TierDown: the records or a copy cannot be read.
    """
    left: Collection[Suspect] = set(suspects)
    found = _look(service, copies, left, wait)
    for pause in pauses:
        if not found:
            break
        wait(pause)
        again = _look(service, copies, found, wait)
        # What was in motion meanwhile is left to a later comparison: the last look decides.
        found = again
    return sorted(found.values(), key=lambda each: (each.suspect.kind, each.suspect.id.int))


def _look(
    service: MemoryService,
    copies: Sequence[Named],
    suspects: Collection[Suspect],
    wait: Callable[[float], object],
) -> dict[Suspect, Difference]:
    found: dict[Suspect, Difference] = {}
    for named in copies:
        for kind in KINDS:
            ids = sorted(
                each.id for each in suspects if (each.copy, each.kind) == (named.name, kind)
            )
            for start in range(0, len(ids), _BATCH):
                wait(0)
                for difference in _differences(service, named, kind, ids[start : start + _BATCH]):
                    found[difference.suspect] = difference
    return found


def _differences(
    service: MemoryService, named: Named, kind: Kind, ids: Sequence[UUID]
) -> Iterator[Difference]:
    """The differences of one batch at one look."""
    before = service.records.digests.standing(ids, utc_now())
    wanted = [id_ for id_ in ids if _wanted(before.get(id_), kind)]
    entries = {
        id_: entry
        for id_, entry in service.indexer.expected(wanted).items()
        # Else it has changed since; or a vector is gone that it is made of, which is not its fault.
        if before[id_].embedded
        and entry.seal is not None
        and entry.seal.digest == before[id_].digest
    }
    parts = named.copy.differing(kind, list(entries.values()))
    unwanted = [id_ for id_ in ids if id_ not in set(wanted)]
    there = named.copy.present(kind, unwanted) if unwanted else set()
    after = service.records.digests.standing([*parts, *there], utc_now())
    for id_ in ids:
        standing = after.get(id_)
        if before.get(id_) != standing or (standing is not None and standing.in_motion):
            continue
        suspect = Suspect(named.name, kind, id_)
        if id_ in parts:
            missing = parts[id_] == Fault.MISSING
            yield Difference(
                suspect,
                Fault.MISSING if missing else Fault.DIFFERING,
                "" if missing else parts[id_],
            )
        elif id_ in there:
            yield Difference(suspect, Fault.UNKNOWN if standing is None else Fault.GHOST)


def _wanted(standing: Standing | None, kind: Kind) -> bool:
    """Whether there ought to be a point of this kind."""
    return standing is not None and standing.live and standing.kind is kind
