"""Carries a plan out: everything through the outbox, so that what is interrupted is done later.

A point is owed and then applied, as any write is: the same code writes it to all replicas, and what
a killed repair has not done, the resident process does. So a repair may be run again at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from sophia_cli.checks.digests.confirming import confirmed
from sophia_cli.checks.digests.difference import Difference, Fault, Named
from sophia_cli.environment import utc_now
from sophia_cli.errors import Refused, TierDown
from sophia_cli.memory.model import Kind
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.words import embedded_text
from sophia_cli.repair.plan import Action, Plan, wrong_in_cache

_BATCH = 128
# What the model makes of the same text on another day, in another batch, is closer than this.
_SAME_TEXT = 0.9


@dataclass(frozen=True, slots=True)
class Mended:
    """What a repair did.

    Attributes:
        done: by action, how many points, or entries of the cache.
        embedded: of those that were written, how many vectors were not those of their texts.
        left: what differs still, looked at again; without what was only to be exported.
        cached: entries of the cache that are still wrong.
        lacking: memories that still have no vector.
    """

    done: dict[Action, int]
    embedded: int
    left: Sequence[Difference]
    cached: int
    lacking: int

    @property
    def complete(self) -> bool:
        """Whether all of it was mended."""
        return not (self.left or self.cached or self.lacking)


def mend(
    service: MemoryService,
    copies: Sequence[Named],
    plan: Plan,
    *,
    advance: Callable[[int], None] = lambda _: None,
    wait: Callable[[float], object] = lambda _: None,
) -> Mended:
    """Does what the plan says, then looks again at everything that it was about.

    Args:
        advance: told how many more points were mended.
        wait: asked before each batch; raises when the user has had enough. What was done stays.

    Raises:
        TierDown, OutOfSpace: a tier cannot serve; what is not done stays owed.
    """
    done: dict[Action, int] = {}
    if plan.has(Action.DROP):
        done[Action.DROP] = service.answers.erase_kept()
    embedded = _drop_wrong_vectors(service, plan, wait)
    for step in plan.steps:
        if step.kind is None or step.action is Action.EXPORT:
            continue
        for start in range(0, len(step.ids), _BATCH):
            wait(0)
            batch = step.ids[start : start + _BATCH]
            if step.action is Action.DELETE:
                _delete(service, step.kind, batch)
            else:
                service.indexer.apply(service.records.outbox.owe(batch))
            done[step.action] = done.get(step.action, 0) + len(batch)
            advance(len(batch))
    # What stands around a vector that was made anew.
    while service.indexer.drain(everything=True):
        wait(0)
    service.vectors.flush()
    return _looked_at_again(service, copies, plan, done, embedded, wait)


def _delete(service: MemoryService, kind: Kind, ids: Sequence[UUID]) -> None:
    """Deletes points of one kind that the records, asked again, do not want there."""
    standing = service.records.digests.standing(ids, utc_now())
    unwanted = [
        id_
        for id_ in ids
        if (found := standing.get(id_)) is not None and not (found.live and found.kind is kind)
    ]
    service.vectors.delete(kind, unwanted)
    # One that was changed meanwhile is written again, by what it is now.
    service.indexer.apply(service.records.outbox.owe(unwanted))


def _drop_wrong_vectors(service: MemoryService, plan: Plan, wait: Callable[[float], object]) -> int:
    """Where a point and the records disagree on a vector, the text says which of them is right.

    A vector of the records that is not that of its text is dropped, to be made again; where the
    embedder cannot say, the records are right.
    """
    suspects = sorted({each.suspect.id for each in plan.differences if each.part == "dense"})
    dropped = 0
    for start in range(0, len(suspects), _BATCH):
        wait(0)
        ids = suspects[start : start + _BATCH]
        memories, kept = service.records.queries.get(ids), service.records.queries.vectors(ids)
        known = [id_ for id_ in ids if id_ in memories and id_ in kept]
        try:
            service.records.models.check(service.embedder.model, service.embedder.dimension)
            made = service.embedder.embed([embedded_text(memories[id_]) for id_ in known])
        except (TierDown, Refused):
            return dropped
        wrong = [
            id_
            for id_, vector in zip(known, made, strict=True)
            if not float(np.dot(vector, kept[id_])) >= _SAME_TEXT
        ]
        service.records.models.drop(wrong)
        dropped += len(wrong)
    return dropped


def _looked_at_again(
    service: MemoryService,
    copies: Sequence[Named],
    plan: Plan,
    done: dict[Action, int],
    embedded: int,
    wait: Callable[[float], object],
) -> Mended:
    suspects = [each.suspect for each in plan.differences if each.fault is not Fault.UNKNOWN]
    left = confirmed(service, copies, suspects, wait=wait)
    wanted = [id_ for step in plan.steps if step.action is Action.EMBED for id_ in step.ids]
    found = service.records.digests.standing(wanted, utc_now())
    lacking = sum(each.live and not each.embedded for each in found.values())
    cached = wrong_in_cache(service) if plan.has(Action.DROP) else 0
    return Mended(done, embedded, left, cached, lacking)
