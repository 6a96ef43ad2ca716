"""How many points replicas hold: nothing in Qdrant notices that one lacks some."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped, warned
from sophia_cli.checks.qdrant.hearing import Hearing
from sophia_cli.checks.qdrant.replicas import NO_COLLECTIONS, collections_in, said_by_enough
from sophia_cli.checks.qdrant.sources import on_cluster
from sophia_cli.ops.qdrant.answers import ACTIVE
from sophia_cli.ops.qdrant.asks import Answer, in_parallel
from sophia_cli.ops.qdrant.replicas import counts_that_differ
from sophia_cli.ops.qdrant.witnesses import Look


def _counts(heard: Hearing) -> Iterator[Finding]:
    """What peers tell at once is an estimate; where it differs and stays, they count exactly."""
    cluster = heard.members
    if not cluster.look.collections:
        yield skipped(NO_COLLECTIONS)
        return
    differing = [_of_active(seen, counts_that_differ(seen)) for seen in cluster.looks]
    if not all(differing):
        yield said_by_enough(cluster, "the replicas of every shard hold equally many", [])
        return
    last = differing[-1]
    evidence = [
        f"{name} shard {shard}: {', '.join(f'{host} {count:,}' for host, count in held.items())}"
        for (name, shard), held in sorted(last.items())
    ]
    standing = {name for (name, _), held in last.items() if _stands(differing, name)}
    found = False
    for name in sorted(standing):
        shards = sorted(shard for each, shard in last if each == name)
        for finding in _exactly(cluster, name, shards, evidence):
            found = True
            yield finding
    if not found:
        yield passed("points are being written: they move from look to look", "", *evidence)


def _stands(looks: list[dict[tuple[str, int], dict[str, int]]], name: str) -> bool:
    """Whether the numbers of a collection are the same in every look."""
    each = [{where: held for where, held in seen.items() if where[0] == name} for seen in looks]
    return all(seen == each[-1] for seen in each)


def _of_active(
    seen: Look, differing: Mapping[tuple[str, int], Mapping[str, int]]
) -> dict[tuple[str, int], dict[str, int]]:
    """Without the replicas that are not active in every view: those are on their way."""
    known = collections_in(seen)
    found = {}
    for (name, shard), held in differing.items():
        views = [views[name].replicas for views in known.values() if name in views]
        active = {
            host: count
            for host, count in held.items()
            if all(
                view.states.get((shard, known[host][name].replicas.id)) == ACTIVE for view in views
            )
        }
        if len(set(active.values())) > 1:
            found[name, shard] = active
    return found


def _exactly(
    cluster: Hearing, name: str, shards: list[int], evidence: list[str]
) -> Iterator[Finding]:
    """What the peers say when each counts through its own replicas, twice."""
    where = f"shard{'s' * (len(shards) > 1)} {', '.join(map(str, shards))}"
    first = _exact_counts(cluster, name)
    if not first:
        yield warned(f"{where}: estimates differ; no peer counts exactly", name, *evidence)
        return
    if len(set(first.values())) == 1:
        return
    time.sleep(cluster.pause)
    if (counts := _exact_counts(cluster, name)) != first:
        return
    evidence = [*evidence, *(f"{host}: exactly {count:,}" for host, count in counts.items())]
    most = max(counts.values())
    lack = ", ".join(f"{host} {most - n:,} fewer" for host, n in counts.items() if n < most)
    yield failed(f"{where}: {lack}", name, *evidence, command="sophia repair")


def _exact_counts(cluster: Hearing, name: str) -> dict[str, int]:
    path = f"/collections/{quote(name, safe='')}/points/count"
    peers = [said.peer for said in cluster.answering]
    said = in_parallel(lambda peer: cluster.asks.ask(peer, "POST", path, {"exact": True}), peers)
    return {
        host: int(answer.result["count"])
        for host, answer in said.items()
        if isinstance(answer, Answer) and isinstance(answer.result, dict)
    }


CHECKS: tuple[Check, ...] = (
    Check(
        "QD-21",
        "Replicas of a shard hold equally many points",
        Severity.CRITICAL,
        "Compares how many points each peer's own replica of a shard holds, several times in a "
        "row, and has the peers count exactly where that differs. Numbers that differ and do not "
        "move are a replica that lacks points, or has some that were deleted. Qdrant calls all of "
        "them active, and nothing in it mends that.",
        "`sophia repair` writes again what a replica lacks, from the records",
        on_cluster(_counts, clustered=True),
        timeout=11.0,
    ),
)
