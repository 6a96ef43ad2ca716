"""What a repair would do: found by looking at everything, before anything is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from sophia_cli.checks.digests.comparison import compare
from sophia_cli.checks.digests.difference import Difference, Fault, Named
from sophia_cli.environment import utc_now
from sophia_cli.memory.model import KINDS, Kind
from sophia_cli.memory.service import MemoryService

_MOST_VECTORS = 1_000_000
_MOST_KEPT = 100_000
_WRITTEN = (Fault.MISSING, Fault.DIFFERING)


class Action(StrEnum):
    """What is done about some points."""

    EMBED = "embed"
    """A vector that the records lack is made again from the text, and its point written."""
    WRITE = "write"
    """A point is written again from the records, to all replicas."""
    DELETE = "delete"
    """A point whose memory is over is deleted, from all replicas."""
    EXPORT = "export"
    """A point that the records never knew is exported, and stays."""
    DROP = "drop"
    """The cached answers are dropped."""


_SAYS = {
    Action.EMBED: "embed again, and write its point",
    Action.WRITE: "write again from the records",
    Action.DELETE: "delete: its memory is over",
    Action.EXPORT: "unknown to the records: export, and leave",
    Action.DROP: "drop the cached answers",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, to some points of one kind.

    Attributes:
        ids: of the memories; none for the caches.
        why: each fault and in which copy, with how many.
        count: of points or of entries of the cache.
    """

    action: Action
    kind: Kind | None
    ids: Sequence[UUID]
    why: Sequence[str]
    count: int

    @property
    def says(self) -> str:
        """What is done, in a few words."""
        return _SAYS[self.action]

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "action": self.action.value,
            "kind": None if self.kind is None else self.kind.value,
            "count": self.count,
            "why": list(self.why),
            "ids": [str(id_) for id_ in self.ids],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be done.

    Attributes:
        differences: what it rests on.
        points: how many were looked at.
    """

    steps: Sequence[Step]
    differences: Sequence[Difference]
    points: int

    def ids(self, action: Action, kind: Kind) -> Sequence[UUID]:
        """What is to be done to these."""
        found = (each.ids for each in self.steps if (each.action, each.kind) == (action, kind))
        return next(found, ())

    def has(self, action: Action) -> bool:
        """Whether any step does this."""
        return any(step.action is action for step in self.steps)


def plan(
    service: MemoryService,
    copies: Sequence[Named],
    home: Path,
    kinds: Sequence[Kind] = KINDS,
    *,
    resume: bool = False,
    advance: Callable[[int], None] = lambda _: None,
    wait: Callable[[float], object] = time.sleep,
) -> Plan:
    """Looks at every point, at the vectors in the records and at the hot cache.

    Args:
        home, resume, advance, wait: see `compare`.

    Raises:
        SophiaError: see `compare`.
    """
    compared = compare(
        service, copies, home, kinds=kinds, resume=resume, advance=advance, wait=wait
    )
    lacking = service.records.digests.without_vector(utc_now(), _MOST_VECTORS)
    standing = service.records.queries.get(lacking)
    steps: list[Step] = []
    for kind in kinds:
        these = [id_ for id_ in lacking if id_ in standing and standing[id_].kind is kind]
        if these:
            why = f"the records: {len(these):,} without a vector"
            steps.append(Step(Action.EMBED, kind, these, (why,), len(these)))
        for action, faults in (
            (Action.WRITE, _WRITTEN),
            (Action.DELETE, (Fault.GHOST,)),
            (Action.EXPORT, (Fault.UNKNOWN,)),
        ):
            found = [
                each
                for each in compared.differences
                if each.suspect.kind is kind and each.fault in faults
            ]
            if found:
                ids = sorted({each.suspect.id for each in found})
                steps.append(Step(action, kind, ids, _why(found), len(ids)))
    if bad := wrong_in_cache(service):
        why = f"the hot cache: {bad:,} entries are forged, of an epoch to come or of the forgotten"
        steps.append(Step(Action.DROP, None, (), (why,), bad))
    return Plan(steps, compared.differences, compared.points)


def wrong_in_cache(service: MemoryService) -> int:
    """How many entries of the hot cache ought not to be there; 0 while a forget is at work on them.

    Raises:
        TierDown: it cannot be read.
    """
    kept = list(service.answers.kept(_MOST_KEPT))
    epochs = service.records.outbox.epochs().values
    named = sorted({id_ for each in kept for id_ in each.memories})
    standing = service.records.queries.get(named)
    gone = {
        id_
        for id_ in named
        if (memory := standing.get(id_)) is None or memory.forgotten_at is not None
    }
    if service.records.outbox.answers_to_erase():
        gone = set()
    return sum(
        not each.genuine
        or any(epochs.get(kind, 0) < at for kind, at in each.epochs.items())
        or bool(gone & set(each.memories))
        for each in kept
    )


def _why(found: Sequence[Difference]) -> tuple[str, ...]:
    counted: dict[str, int] = {}
    for each in found:
        part = f" ({each.part})" if each.part else ""
        where = f"{each.suspect.copy}: " if each.suspect.copy else ""
        name = f"{where}{each.fault}{part}"
        counted[name] = counted.get(name, 0) + 1
    return tuple(f"{name}: {count:,}" for name, count in sorted(counted.items()))
