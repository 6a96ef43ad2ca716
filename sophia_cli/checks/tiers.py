"""The tiers against the records: the points in process, what the index owes, the hot cache.

With servers, what is said here of the points is looked at replica by replica: see `replicas`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from uuid import UUID

from sophia_cli.checks.check import (
    Check,
    Finding,
    Severity,
    failed,
    passed,
    skipped,
    warned,
)
from sophia_cli.checks.digests.copies import copies_of
from sophia_cli.checks.digests.difference import Fault
from sophia_cli.checks.sampling import Sampled, counts, sampled, told
from sophia_cli.checks.scene import Scene
from sophia_cli.environment import utc_now
from sophia_cli.memory.kept_answers import Kept

_MEND = "sophia repair --apply"
_LONG = 60.0
_TOO_LONG = 900.0
_TRIES = 5
_EXAMPLES = 5
_KEPT = 2000
_PAUSE = 0.3
_SETTLES = 3
_ON_SERVERS = "the vectors are on servers: RP looks at every replica"


def _counts(scene: Scene) -> Iterator[Finding]:
    if _on_servers(scene):
        yield skipped(_ON_SERVERS)
        return
    for named in copies_of(scene):
        yield from counts(scene.service, named)


def _sampled(scene: Scene) -> Sampled:
    [named] = copies_of(scene)
    return scene.once("sample", lambda: sampled(scene.service, named))


def _sample_of(*faults: Fault) -> Callable[[Scene], Iterator[Finding]]:
    def look(scene: Scene) -> Iterator[Finding]:
        if _on_servers(scene):
            yield skipped(_ON_SERVERS)
            return
        yield from told(_sampled(scene), faults, "")

    return look


def _on_servers(scene: Scene) -> bool:
    return scene.loaded.config.vector_engine != "edge"


def _owed(scene: Scene) -> Iterator[Finding]:
    entries, oldest, tries = scene.service.records.outbox.waiting()
    if oldest < _LONG and tries < _TRIES:
        yield passed(f"{entries:,} owed" if entries else "nothing is owed")
        return
    says = f"{entries:,} memories wait for the index, the longest for {oldest:,.0f} s"
    evidence = f"the records: tried up to {tries:,} times"
    if oldest < _TOO_LONG:
        yield warned(says, "", evidence)
    else:
        yield failed(says, "", evidence)


def _vectors(scene: Scene) -> Iterator[Finding]:
    digests = scene.service.records.digests
    lacking = digests.without_vector(utc_now(), _KEPT)
    if lacking:  # One that is just being made is owed first, and not any more once it is made.
        time.sleep(_PAUSE)
        lacking = sorted(set(lacking) & set(digests.without_vector(utc_now(), _KEPT)))
    if not lacking:
        yield passed("each has one, or is owed one")
        return
    many = f"{len(lacking):,}{' or more' if len(lacking) == _KEPT else ''}"
    yield failed(
        f"{many} memories have no vector that could be used, and are owed none",
        "",
        *(f"{id_} has none" for id_ in lacking[:_EXAMPLES]),
    )


def _kept(scene: Scene) -> list[Kept]:
    return scene.once("hot cache", lambda: list(scene.service.answers.kept(_KEPT)))


def _epochs(scene: Scene) -> Iterator[Finding]:
    answers = [each for each in _kept(scene) if each.epochs]
    # Read after the answers: epochs only grow.
    now = scene.service.records.outbox.epochs().values
    ahead = [
        each for each in answers if any(now.get(kind, 0) < at for kind, at in each.epochs.items())
    ]
    if ahead:
        yield failed(
            f"{len(ahead):,} answers are of epochs that are still to come",
            "",
            *(f"hot_cache: {_moment(each)}" for each in ahead[:_EXAMPLES]),
            f"the records: {', '.join(f'{kind}={now[kind]}' for kind in sorted(now))}",
        )
    elif answers:
        yield passed(f"{len(answers):,} answers looked at")
    else:
        yield skipped("no answer is kept")


def _forgotten(scene: Scene) -> Iterator[Finding]:
    """Read again while a forget may still be erasing; one that could not is owed, and says so."""
    service = scene.service
    kept = [each for each in _kept(scene) if each.memories]
    if not kept:
        yield skipped("no answer with memories is kept")
        return
    gone: set[UUID] = set()
    for look in range(_SETTLES):
        if look:
            time.sleep(_PAUSE)
            kept = [each for each in service.answers.kept(_KEPT) if each.memories]
        named = sorted({id_ for each in kept for id_ in each.memories})
        standing = service.records.queries.get(named)
        found = {
            id_
            for id_ in named
            if (memory := standing.get(id_)) is None or memory.forgotten_at is not None
        }
        gone = gone & found if look else found
        if not gone or service.records.outbox.answers_to_erase():
            yield passed(f"{len(kept):,} answers looked at")
            return
    yield failed(
        f"answers are kept that hold {len(gone):,} memories which were forgotten",
        "",
        *(f"{id_} is in an answer" for id_ in sorted(gone)[:_EXAMPLES]),
    )


def _genuine(scene: Scene) -> Iterator[Finding]:
    kept = _kept(scene)
    forged = [each.key for each in kept if not each.genuine]
    if forged:
        yield failed(
            f"{len(forged):,} entries are not what was put there",
            "",
            *(f"hot_cache: {key[:60]}" for key in forged[:_EXAMPLES]),
        )
    elif kept:
        yield passed(f"{len(kept):,} entries looked at")
    else:
        yield skipped("nothing is kept")


def _moment(kept: Kept) -> str:
    return ", ".join(f"{kind}={at}" for kind, at in kept.epochs.items())


def _not_asked(_: Scene) -> Iterator[Finding]:
    yield skipped("sophia doctor --deep reads every point")


DEEP = Check(
    "TI-10",
    "Every point is what the records say",
    Severity.CRITICAL,
    "Every point of every copy is compared with the records: its text, its payload and its vectors,"
    " by digests, and in full where these differ. Memories may be written meanwhile: what the index"
    " owes, or what changes during the look, does not count.",
    _MEND,
    _not_asked,
)
"""What `checks.digests.deep` finds belongs to this one."""

CHECKS: tuple[Check, ...] = (
    Check(
        "TI-01",
        "There are as many points as memories",
        Severity.CRITICAL,
        "The points of the engine in process are counted, and the memories in the records that may"
        " be recalled. A memory without a point is not found by its meaning.",
        _MEND,
        _counts,
    ),
    Check(
        "TI-02",
        "Memories have their points",
        Severity.CRITICAL,
        "The newest memories and some at random are looked up in the engine in process, and their"
        " points compared in full: text, payload and vectors. --deep compares all of them.",
        _MEND,
        _sample_of(Fault.MISSING, Fault.DIFFERING),
    ),
    Check(
        "TI-03",
        "What is over is gone from the vectors",
        Severity.CRITICAL,
        "Points at random, and those of the memories that were forgotten last, are looked up in the"
        " records. The point of a forgotten memory still holds its words.",
        _MEND,
        _sample_of(Fault.GHOST),
    ),
    Check(
        "TI-04",
        "The records know every point",
        Severity.CRITICAL,
        "Points at random are looked up in the records. One that they never knew means that they"
        " have lost memories: an old backup was restored, or rows were deleted by hand. The point"
        " may be the last copy, so it is never deleted by a repair.",
        "sophia repair --export FILE, then sophia import FILE; or sophia reindex to be rid of them",
        _sample_of(Fault.UNKNOWN),
    ),
    Check(
        "TI-05",
        "The index keeps up with the records",
        Severity.SERIOUS,
        "What the index owes is written by the process that stored it, at once, or seconds later by"
        " the resident process. An entry that waits for long means that the vectors or the embedder"
        " are down, or refuse it; until then it is found by its words at most.",
        "sophia status, then sophia doctor --only VE,QD,EM",
        _owed,
    ),
    Check(
        "TI-06",
        "Every memory has its vector in the records",
        Severity.CRITICAL,
        "The records keep the vector of each memory, from which its point is made. One that is"
        " gone, or is of another length, is made again from the text.",
        _MEND,
        _vectors,
    ),
    Check(
        "TI-07",
        "No cached answer is of an epoch to come",
        Severity.CRITICAL,
        "A cached answer belongs to an epoch of the records, which grows with every write. One of"
        " an epoch that is still to come is from before the records were set back, and would be"
        " given as a true one once they get there.",
        _MEND,
        _epochs,
        fixable=True,
    ),
    Check(
        "TI-08",
        "No cached answer holds what was forgotten",
        Severity.CRITICAL,
        "The memories in cached answers are looked up in the records. What was forgotten must be"
        " gone from the caches too.",
        _MEND,
        _forgotten,
        fixable=True,
    ),
    Check(
        "TI-09",
        "The hot cache holds what was put there",
        Severity.SERIOUS,
        "Each entry carries a seal over its key and its value. One without it was put there by"
        " somebody else; it is never served.",
        _MEND,
        _genuine,
        fixable=True,
    ),
    DEEP,
)
