"""What one look proves of the replicas: all there, all active, equally many points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sophia_cli.ops.qdrant.answers import ACTIVE
from sophia_cli.ops.qdrant.asks import Silence
from sophia_cli.ops.qdrant.judgement import Kind, Reason
from sophia_cli.ops.qdrant.witnesses import PROBE, CollectionView, Look


def against_replicas(look: Look) -> list[Reason]:
    """What speaks against every replica being whole in every peer's view."""
    reasons: list[Reason] = []
    known: dict[str, dict[str, CollectionView]] = {}
    for said in look:
        host = said.peer.host
        if isinstance(said.cluster, Silence):
            continue
        if isinstance(said.collections, Silence):
            reasons.append(
                Reason(Kind.COLLECTIONS, f"{host} does not show: {said.collections.reason}")
            )
            continue
        for name, view in said.collections.items():
            known.setdefault(name, {})[host] = view
    answering = len(look.views)
    for name, views in sorted(known.items()):
        if name == PROBE:
            continue
        if len(views) < answering:
            absent = ", ".join(host for host in look.views if host not in views)
            reasons.append(Reason(Kind.COLLECTIONS, f"{name} is not known to {absent}"))
        for host, view in views.items():
            reasons.extend(_replicas(look, name, host, view))
        placements = {frozenset(view.replicas.states) for view in views.values()}
        if len(placements) > 1:
            reasons.append(
                Reason(Kind.COLLECTIONS, f"{name}: the peers place its replicas differently")
            )
    return reasons


def counts_that_differ(look: Look) -> dict[tuple[str, int], dict[str, int]]:
    """By collection and shard, the points that each host's replica holds, where they differ."""
    counts: dict[tuple[str, int], dict[str, int]] = {}
    for said in look:
        if isinstance(said.collections, Silence):
            continue
        for name, view in said.collections.items():
            for shard, count in view.replicas.counts.items():
                if name != PROBE:
                    counts.setdefault((name, shard), {})[said.peer.host] = count
    return {where: held for where, held in counts.items() if len(set(held.values())) > 1}


def against_counts(look: Look) -> list[Reason]:
    """The shards whose replicas hold different numbers of points, as reasons."""
    return [
        Reason(
            Kind.COUNT,
            f"{name} shard {shard}: "
            + ", ".join(f"{host} holds {count} points" for host, count in held.items()),
        )
        for (name, shard), held in sorted(counts_that_differ(look).items())
    ]


def _replicas(look: Look, name: str, host: str, view: CollectionView) -> Iterator[Reason]:
    replicas = view.replicas
    bad: dict[tuple[str, str], list[int]] = {}
    for (shard, id_), state in sorted(replicas.states.items()):
        if state != ACTIVE:
            bad.setdefault((state, id_), []).append(shard)
    for (state, id_), shards in bad.items():
        yield Reason(
            Kind.REPLICA, f"{host}: {name} {_numbered(shards)} {state} on {look.host_of(id_)}"
        )
    for moved in replicas.transfers:
        yield Reason(Kind.TRANSFER, f"{host}: {name} {moved} is under way")
    copies = Counter(shard for shard, _ in replicas.states)
    for count in sorted(set(copies.values())):
        if count < view.factor:
            shards = sorted(shard for shard, held in copies.items() if held == count)
            yield Reason(
                Kind.FACTOR,
                f"{host}: {name} {_numbered(shards)} there {count} times, {view.factor} wanted",
            )
    known = {id_ for view in look.views.values() for id_ in view.peers}
    for id_ in sorted({id_ for _, id_ in replicas.states} - known):
        yield Reason(Kind.REPLICA, f"{host}: {name} has replicas on peer {id_}, which is gone")


def _numbered(shards: list[int]) -> str:
    numbers = ", ".join(map(str, shards))
    return f"shard {numbers} is" if len(shards) == 1 else f"shards {numbers} are"
