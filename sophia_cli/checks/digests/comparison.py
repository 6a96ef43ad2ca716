"""All points of all copies against the records, a range after the other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sophia_cli.checks.digests.confirming import PAUSES, confirmed
from sophia_cli.checks.digests.difference import Difference, Named
from sophia_cli.checks.digests.journal import Journal
from sophia_cli.checks.digests.ranges import Range
from sophia_cli.memory.model import KINDS, Kind
from sophia_cli.memory.ports import Page
from sophia_cli.memory.service import MemoryService
from sophia_cli.tiers.records.digests import FIRST, LAST

RANGE = 8192
"""Points a range: a third of a second's reading, and a query of PostgreSQL's of about as long."""

JOURNAL = "comparison.jsonl"
"""The file in the home that an interrupted comparison goes on from."""

# Ranges that PostgreSQL may have before it: one that takes longer than usual keeps nobody waiting.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison came to.

    Attributes:
        points: how many were looked at, in all copies; those of before an interruption too.
        seconds: how long this took, without what was before an interruption.
    """

    differences: Sequence[Difference]
    points: int
    seconds: float


def compare(
    service: MemoryService,
    copies: Sequence[Named],
    home: Path,
    *,
    kinds: Sequence[Kind] = KINDS,
    resume: bool = False,
    advance: Callable[[int], None] = lambda _: None,
    wait: Callable[[float], object] = time.sleep,
    pauses: Sequence[float] = PAUSES,
    size: int = RANGE,
) -> Compared:
    """Compares every point with the records. Memories may be written and forgotten meanwhile.

    Args:
        home: where it notes how far it has come.
        resume: go on from where the one before was interrupted.
        advance: told how many more points were looked at.
        wait: waits so many seconds; asked between ranges too, with 0; raises when the caller has
            had enough.
        pauses: see `confirmed`.
        size: points a range.

    Raises:
        TierDown: the records or a copy cannot be read; `resume` goes on from there.
        Refused: another comparison is at work.
        NotFound: there is nothing to go on from.
    """
    began = time.monotonic()
    about = {
        "store": str(service.records.models.current().store),
        "copies": [named.name for named in copies],
        "kinds": [kind.value for kind in kinds],
    }
    journal = Journal(home / JOURNAL, about, resume=resume)
    try:
        with ThreadPoolExecutor(1, "digests") as pool:
            summing: deque[Callable[[], None]] = deque()
            for named, kind, low, page in _pages(copies, kinds, size, journal, wait):
                if len(summing) == _AHEAD:
                    summing.popleft()()
                high = page.following or LAST
                points = Range(kind, low, high, page.ids, page.digests)
                suspects = pool.submit(points.suspects, service.records.digests)
                summing.append(_then(suspects, named, kind, page, journal, advance))
            for summed in summing:
                summed()
        found = confirmed(service, copies, journal.suspects, pauses=pauses, wait=wait)
        journal.end()
    finally:
        journal.close()
    return Compared(found, journal.points, time.monotonic() - began)


def _pages(
    copies: Sequence[Named],
    kinds: Sequence[Kind],
    size: int,
    journal: Journal,
    wait: Callable[[float], object],
) -> Iterator[tuple[Named, Kind, UUID, Page]]:
    """All points that are not compared yet, and from which id on each page has them."""
    for named in copies:
        for kind in kinds:
            start, complete = journal.start(named.name, kind)
            while not complete:
                wait(0)
                page = named.copy.page(kind, start, size)
                yield named, kind, start or FIRST, page
                start = page.following
                complete = start is None


def _then(
    suspects: Future[list[UUID]],
    named: Named,
    kind: Kind,
    page: Page,
    journal: Journal,
    advance: Callable[[int], None],
) -> Callable[[], None]:
    def summed() -> None:
        journal.note(named.name, kind, page.following, len(page.ids), suspects.result())
        advance(len(page.ids))

    return summed
