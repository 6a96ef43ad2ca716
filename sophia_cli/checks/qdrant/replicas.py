"""Replicas: all there, all active, none stuck on its way, all with as many points."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sophia_cli.checks.check import (
    Check,
    Finding,
    Severity,
    failed,
    passed,
    skipped,
    unknown,
    warned,
)
from sophia_cli.checks.qdrant.figures import figures
from sophia_cli.checks.qdrant.hearing import WITNESSES, Hearing
from sophia_cli.checks.qdrant.sources import on_cluster
from sophia_cli.ops.qdrant.asks import Answer, Silence
from sophia_cli.ops.qdrant.judgement import Kind, told
from sophia_cli.ops.qdrant.witnesses import CollectionView, Look

_STUCK = 30 * 60.0
"""Seconds after which a transfer does not come to an end any more."""
NO_COLLECTIONS = "there are no collections yet"

# How the server tells for how long something has been going on: `recovering (12.02s)`, and before
# 1.17 `Transferring records (1/9), started 12s ago, ETA: -`.
_GOING_ON = re.compile(r"\((\d+(?:\.\d+)?)s\)|started (\d+)s ago")


def _known_alike(heard: Hearing) -> Iterator[Finding]:
    cluster = heard.members
    views = collections_in(cluster.look)
    yield from _not_shown(cluster)
    if len(views) < min(WITNESSES, len(cluster.peers)):
        yield unknown(f"only {len(views)} of {len(cluster.peers)} peers show their collections")
        return
    against = [_differ(collections_in(seen)) for seen in cluster.looks]
    if all(against):
        yield failed("; ".join(against[-1][:4]))
        return
    names = cluster.look.collections
    if names:
        yield passed(f"every peer knows {', '.join(names)}, and places them alike")
    else:
        yield skipped(NO_COLLECTIONS)


def _differ(views: Mapping[str, Mapping[str, CollectionView]]) -> list[str]:
    """How peers know collections differently."""
    found = []
    for name in sorted({name for known in views.values() for name in known}):
        absent = [host for host, known in views.items() if name not in known]
        if absent:
            found.append(f"{name} is not known to {', '.join(absent)}")
        placed = {
            frozenset(known[name].replicas.states) for known in views.values() if name in known
        }
        if len(placed) > 1:
            found.append(f"{name}: the peers place its replicas differently")
    return found


def collections_in(look: Look) -> dict[str, dict[str, CollectionView]]:
    """By host, what it knows; without the collection of the probing writes."""
    return {
        said.peer.host: {
            name: view for name, view in said.collections.items() if name in look.collections
        }
        for said in look
        if not isinstance(said.collections, Silence)
    }


def _not_shown(cluster: Hearing) -> Iterator[Finding]:
    for said in cluster.answering:
        if isinstance(said.collections, Silence):
            yield unknown(
                f"it does not show its collections: {said.collections.reason}", said.peer.host
            )


def _active(heard: Hearing) -> Iterator[Finding]:
    cluster = heard.members
    reasons = cluster.reasons(Kind.REPLICA)
    evidence = []
    for host, known in collections_in(cluster.look).items():
        for name, view in known.items():
            states = sorted(set(view.replicas.states.values()))
            evidence.append(f"{host}: {name}: {len(view.replicas.states)}, {', '.join(states)}")
    if not evidence:
        yield skipped(NO_COLLECTIONS)
    elif reasons:
        yield failed(told(reasons), "", *evidence)
    else:
        yield said_by_enough(cluster, "every replica is active in every view", evidence)


def said_by_enough(cluster: Hearing, says: str, evidence: list[str]) -> Finding:
    """It is so, where enough peers show their collections."""
    views = len(collections_in(cluster.look))
    if views < min(WITNESSES, len(cluster.peers)):
        return unknown(f"only {views} of {len(cluster.peers)} peers say so", "", *evidence)
    return passed(says, "", *evidence)


def _copies(heard: Hearing) -> Iterator[Finding]:
    cluster = heard.members
    known = collections_in(cluster.look)
    if not any(known.values()):
        yield skipped(NO_COLLECTIONS)
        return
    reasons = cluster.reasons(Kind.FACTOR)
    if reasons:
        yield failed(told(reasons))
        return
    low = sorted(
        {
            (name, view.factor)
            for views in known.values()
            for name, view in views.items()
            if name in heard.wanted.collections and view.factor < (heard.wanted.factor or 0)
        }
    )
    for name, factor in low:
        yield warned(
            f"{factor} of each shard, {heard.wanted.factor} in the inventory",
            name,
            command="sophia reindex --from-scratch",
        )
    if not low:
        says = "every shard is there as often as it should, each time on another peer"
        yield said_by_enough(cluster, says, [])


def _transfers(heard: Hearing) -> Iterator[Finding]:
    """Each transfer once; only the peer that it comes from, or goes to, tells since when."""
    cluster = heard.members
    ages: dict[str, float | None] = {}
    for name in cluster.look.collections:
        for result in cluster.collection(name, "/cluster").values():
            for moved in result.get("shard_transfers") or ():
                what = (
                    f"{name} shard {moved.get('shard_id')} from "
                    f"{cluster.look.host_of(str(moved.get('from')))} to "
                    f"{cluster.look.host_of(str(moved.get('to')))}"
                )
                age = _going_on(moved)
                ages[what] = age if age is not None else ages.get(what)
    for what, age in ages.items():
        if age is None:
            yield warned(f"{what} is under way; nobody tells since when")
        elif age > _STUCK:
            yield failed(f"{what} has been under way for {age / 60:,.0f} min")
        else:
            yield passed(f"{what} has been under way for {age:,.0f} s")
    if not ages:
        yield passed("none is under way")


def _going_on(moved: Mapping[str, Any]) -> float | None:
    found = _GOING_ON.search(str(moved.get("comment") or ""))
    return float(found[1] or found[2]) if found else None


def _none_dead(heard: Hearing) -> Iterator[Finding]:
    cluster = heard.members
    for host, said in heard.each("/metrics").items():
        if host not in {peer.host for peer in cluster.peers}:
            continue
        if isinstance(said, Silence) or said.status != 200:
            why = said.reason if isinstance(said, Silence) else said.error
            yield unknown(f"it does not tell its figures: {why}", host)
            continue
        yield _dead(host, said)


def _dead(host: str, said: Answer) -> Finding:
    found = figures(said.body)
    if "collection_dead_replicas" not in found:
        return unknown("it does not count its replicas: older than 1.15", host)
    dead, fewest = found["collection_dead_replicas"], found.get("collection_active_replicas_min", 0)
    evidence = f"{host}: {dead:.0f} not active, at least {fewest:.0f} active of every shard"
    if not dead:
        return passed("it counts every replica active", host, evidence)
    return failed(f"it counts {dead:.0f} replicas that are not active", host, evidence)


CHECKS: tuple[Check, ...] = (
    Check(
        "QD-17",
        "Every peer knows the same collections",
        Severity.CRITICAL,
        "Compares the collections that each peer knows, and where it says that their replicas are. "
        "A peer that knows others did not carry out what the cluster agreed to.",
        "look at the log of the peer that differs; restart it",
        on_cluster(_known_alike, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-18",
        "Every replica is active in every peer's view",
        Severity.CRITICAL,
        "Compares the state of each replica in the views of all peers. A dead replica gets no "
        "writes and answers nothing; it is noticed by the first write that it misses, not by time.",
        "bring its peer back, and it recovers by itself; `sophia doctor` shows when",
        on_cluster(_active, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-19",
        "Every shard has all its replicas",
        Severity.SERIOUS,
        "Counts the replicas of each shard, each on another peer, against the replication factor "
        "of its collection, and that of sophia's collections against the inventory's. A peer that "
        "joined is empty, and a factor above the number of peers is taken without a word.",
        "replicate the shards to the peer that lacks them: `sophia deploy qdrant`",
        on_cluster(_copies, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-20",
        "No transfer of a shard is stuck",
        Severity.SERIOUS,
        "Lists the shards that are being copied, and since when. One that takes more than 30 "
        "minutes is stuck: its replica is not active, and no other transfer of it may begin.",
        "look at the logs of both peers; abort it (`abort_transfer`), and it is begun again",
        on_cluster(_transfers, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-22",
        "No peer counts a dead replica",
        Severity.SERIOUS,
        "Reads from each peer's figures how many replicas it holds for not active. It is a second "
        "witness to what the peers say of each collection, those of others included.",
        "bring the peers back, and replicas recover by themselves",
        on_cluster(_none_dead, clustered=True),
        timeout=11.0,
    ),
)
