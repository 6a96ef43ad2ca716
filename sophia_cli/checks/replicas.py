"""Each replica against the records: a peer answers from its own, and Qdrant compares none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped, unknown
from sophia_cli.checks.digests.copies import copies_of
from sophia_cli.checks.digests.difference import Fault, Named
from sophia_cli.checks.digests.peer import PeerCopy
from sophia_cli.checks.sampling import Sampled, counts, sampled, told, within
from sophia_cli.checks.scene import Scene
from sophia_cli.errors import SophiaError
from sophia_cli.memory.model import KINDS, Kind

_MEND = "sophia repair --apply"
_IN_PROCESS = "the vectors are in process: TI looks at them"
_PAUSE = 0.5
_LOOKS = 4


def _each(
    look: Callable[[Scene, Named], Iterator[Finding]],
) -> Callable[[Scene], Iterator[Finding]]:
    """Looks at every peer's replicas at once; one that does not answer spoils no other's."""

    def looked(scene: Scene) -> Iterator[Finding]:
        if scene.loaded.config.vector_engine == "edge":
            yield skipped(_IN_PROCESS)
            return
        copies = copies_of(scene)

        def of(named: Named) -> list[Finding]:
            return list(within(look(scene, named), named.name))

        with ThreadPoolExecutor(len(copies), "replicas") as pool:
            for found in pool.map(of, copies):
                yield from found

    return looked


def _counts(scene: Scene, named: Named) -> Iterator[Finding]:
    yield from counts(scene.service, named)


def _sampled(scene: Scene, named: Named) -> Sampled:
    return scene.once(f"sample of {named.name}", lambda: sampled(scene.service, named))


def _sample_of(*faults: Fault) -> Callable[[Scene], Iterator[Finding]]:
    def look(scene: Scene, named: Named) -> Iterator[Finding]:
        yield from told(_sampled(scene, named), faults, named.name)

    return _each(look)


def _shards(scene: Scene) -> Iterator[Finding]:
    """The counts of each shard, by those who hold a replica of it."""
    if scene.loaded.config.vector_engine == "edge":
        yield skipped(_IN_PROCESS)
        return
    copies, service = copies_of(scene), scene.service
    for kind in KINDS:
        still = False
        for look in range(_LOOKS):
            if look:
                time.sleep(_PAUSE)
            before = service.records.outbox.epochs()
            held, silent = _held(copies, kind)
            after = service.records.outbox.epochs()
            differ = {shard: each for shard, each in held.items() if len(set(each.values())) > 1}
            still = before.values == after.values and kind not in after.owing
            if not differ:
                break
        for name, reason in silent.items():
            yield unknown(reason, f"{name}: {kind}")
        if differ and not still:
            yield skipped("memories are being written: the counts do not hold still", kind.value)
            continue
        for shard, each in sorted(differ.items()):
            yield failed(
                f"shard {shard}: its replicas hold {min(each.values()):,} to"
                f" {max(each.values()):,} points",
                kind.value,
                *(f"{name} holds {count:,}" for name, count in each.items()),
            )
        if held and not differ:
            yield passed(f"{len(held)} shards, as many points in each replica", kind.value)


def _held(
    copies: tuple[Named, ...], kind: Kind
) -> tuple[dict[int, dict[str, int]], dict[str, str]]:
    held: dict[int, dict[str, int]] = {}
    silent: dict[str, str] = {}
    for named in copies:
        assert isinstance(named.copy, PeerCopy)  # noqa: S101  (with servers there are no others)
        try:
            found = named.copy.counts(kind)
        except SophiaError as error:
            silent[named.name] = error.message
            continue
        for shard, count in found.items():
            held.setdefault(shard, {})[named.name] = count
    return held, silent


CHECKS: tuple[Check, ...] = (
    Check(
        "RP-01",
        "Each peer gives as many points as there are memories",
        Severity.CRITICAL,
        "Every peer is asked how many points it has, which it answers from its own replicas, and"
        " the records how many memories may be recalled. Replicas can lack points for good while"
        " Qdrant calls all of them Active.",
        _MEND,
        _each(_counts),
    ),
    Check(
        "RP-02",
        "Each replica has the memories as the records have them",
        Severity.CRITICAL,
        "The newest memories and some at random are asked through every peer, and their points"
        " compared in full: text, payload and vectors. --deep compares all of them.",
        _MEND,
        _sample_of(Fault.MISSING, Fault.DIFFERING),
        timeout=12.0,
    ),
    Check(
        "RP-03",
        "What is over is gone from each replica",
        Severity.CRITICAL,
        "Points at random, and those of the memories that were forgotten last, are asked through"
        " every peer and looked up in the records. The point of a forgotten memory still holds its"
        " words.",
        _MEND,
        _sample_of(Fault.GHOST),
        timeout=12.0,
    ),
    Check(
        "RP-04",
        "The records know every point of each replica",
        Severity.CRITICAL,
        "Points at random of every peer are looked up in the records. One that they never knew"
        " means that they have lost memories. The point may be the last copy, so it is never"
        " deleted by a repair.",
        "sophia repair --export FILE, then sophia import FILE; or sophia reindex to be rid of them",
        _sample_of(Fault.UNKNOWN),
        timeout=12.0,
    ),
    Check(
        "RP-05",
        "The replicas of a shard hold as many points",
        Severity.CRITICAL,
        "The points of each replica, as its own peer counts them. While memories are written the"
        " counts are apart for a moment: those that differ are read again.",
        _MEND,
        _shards,
    ),
)
