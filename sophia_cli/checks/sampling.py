"""A copy of the points against the records, in bounded time: counts, and a sample each way."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sophia_cli.checks.check import Finding, failed, passed, skipped, unknown
from sophia_cli.checks.digests import findings
from sophia_cli.checks.digests.confirming import confirmed
from sophia_cli.checks.digests.difference import Difference, Fault, Named, Suspect
from sophia_cli.environment import utc_now
from sophia_cli.errors import SophiaError
from sophia_cli.memory.model import KINDS, Kind
from sophia_cli.memory.ports import Copy
from sophia_cli.memory.service import MemoryService

_PAUSE = 0.3
_LOOKS = 4
# A transaction may commit a little after the time that it wrote into `updated_at`.
_MARGIN = timedelta(seconds=2)
_NEWEST = 24
_ANYWHERE = 24
_PAGES = 3
_POINTS = 32
_FORGOTTEN = 256


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a sample of one copy came to: how many points were looked at, and what differs."""

    points: int
    differences: Sequence[Difference]


def counts(service: MemoryService, named: Named) -> Iterator[Finding]:
    """How many points a copy has of each kind, and how many it ought to have.

    What is owed, or over and not swept yet, may be there or not; so may what was written during
    the look. What is off all the same is counted again.
    """
    for kind in KINDS:
        subject = f"{named.name}: {kind}" if named.name else kind.value
        for look in range(_LOOKS):
            if look:
                time.sleep(_PAUSE)
            began = utc_now()
            before, live, more, less = _expected(service, kind)
            found = named.copy.count(kind)
            after, then, more_then, less_then = _expected(service, kind)
            moved = service.records.digests.written_since(began - _MARGIN) if after > before else 0
            least = min(live - less, then - less_then) - moved
            if least <= found <= max(live + more, then + more_then) + moved:
                yield passed(f"{found:,} points for {then:,} memories", subject)
                break
        else:
            off = found - then
            yield failed(
                f"{found:,} points for {then:,} memories:"
                f" {f'{off:,} too many' if off > 0 else f'{-off:,} are missing'}",
                subject,
                f"the records: {then:,} that may be recalled, {less_then:,} owed",
                f"{named.name or 'the vectors'}: {found:,} points",
            )


def _expected(service: MemoryService, kind: Kind) -> tuple[int, int, int, int]:
    """The epoch, how many points there ought to be, and how many more or fewer there may be."""
    epoch = service.records.outbox.epochs().values[kind]
    live, over, owed = service.records.digests.expected(kind, utc_now())
    return epoch, live, over + owed, owed


def sampled(service: MemoryService, named: Named) -> Sampled:
    """The newest memories and some from anywhere; some points from anywhere; the last forgotten."""
    suspects: set[Suspect] = set()
    digests, now = service.records.digests, utc_now()
    forgotten = digests.forgotten(_FORGOTTEN)
    for kind in KINDS:
        ids = set(forgotten)
        ends = digests.ends(kind)
        if ends is not None:
            ids.update(digests.sample(kind, _NEWEST, _places(*ends, _ANYWHERE), now))
            for start in (None, *_places(*ends, _PAGES)):
                ids.update(_page(named.copy, kind, start))
        else:
            ids.update(_page(named.copy, kind, None))
        suspects.update(Suspect(named.name, kind, id_) for id_ in ids)
    return Sampled(len(suspects), confirmed(service, [named], suspects, pauses=(_PAUSE, _PAUSE)))


def told(sample: Sampled, faults: Sequence[Fault], subject: str) -> Iterator[Finding]:
    """The differences of these kinds in a sample, as findings."""
    those = [each for each in sample.differences if each.fault in faults]
    if those:
        yield from findings(those, f" of {sample.points:,} looked at")
    elif sample.points:
        yield passed(f"{sample.points:,} looked at", subject)
    else:
        yield skipped("there is nothing to look at", subject)


def within(findings: Iterator[Finding], subject: str) -> Iterator[Finding]:
    """The findings about one of several copies: what cannot be read spoils no other's."""
    try:
        yield from findings
    except SophiaError as error:
        yield unknown(error.message, subject)


def _page(copy: Copy, kind: Kind, start: UUID | None) -> Sequence[UUID]:
    return copy.page(kind, start, _POINTS).ids


def _places(first: UUID, last: UUID, count: int) -> list[UUID]:
    """Ids at random between two."""
    return [UUID(int=random.randint(first.int, last.int)) for _ in range(count)]
