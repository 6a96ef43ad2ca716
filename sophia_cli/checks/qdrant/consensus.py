"""The consensus: one leader whom all follow, who reaches all, and a quorum that can lose one."""

from __future__ import annotations

from collections.abc import Iterator

from sophia_cli.checks.check import Check, Finding, Severity, failed, warned
from sophia_cli.checks.qdrant.hearing import Hearing
from sophia_cli.checks.qdrant.sources import on_cluster
from sophia_cli.ops.qdrant.answers import WORKING
from sophia_cli.ops.qdrant.judgement import Kind

_SPREAD = 10
"""How many operations peers may be apart: what is on its way, and what was just agreed."""


def _leader(heard: Hearing) -> Iterator[Finding]:
    cluster = heard.members
    views = cluster.look.views
    evidence = [
        f"{host}: leader {cluster.look.host_of(view.leader or '-')}, term {view.term}, "
        f"{view.role or 'no role'}"
        for host, view in views.items()
    ]
    leader = next((cluster.look.host_of(v.leader) for v in views.values() if v.leader), "nobody")
    says = f"all follow {leader}"
    yield cluster.agreed(cluster.reasons(Kind.LEADER, Kind.TERM), says, evidence)


def _cut_off(heard: Hearing) -> Iterator[Finding]:
    """Whoever calls itself leader while others follow another one, of no older term."""
    cluster = heard.members
    views = cluster.look.views
    found = False
    for host, view in views.items():
        if view.role != "Leader":
            continue
        others = {
            other: seen
            for other, seen in views.items()
            if seen.leader not in (None, view.id) and seen.term >= view.term and other != host
        }
        if others:
            found = True
            evidence = [f"{host}: leader of term {view.term}"]
            evidence += [
                f"{other}: follows {cluster.look.host_of(seen.leader or '-')} in term {seen.term}"
                for other, seen in others.items()
            ]
            yield failed(f"{host} calls itself leader, and is not followed", host, *evidence)
    if not found:
        yield cluster.agreed((), "nobody else calls itself leader")


def _voters(heard: Hearing) -> Iterator[Finding]:
    cluster = heard.members
    wrong = cluster.reasons(Kind.NO_VOTER)
    evidence = [
        f"{host}: {'a voter' if view.voter else 'no voter'}"
        for host, view in cluster.look.views.items()
    ]
    seen = [each for each in cluster.sightings if each.host and "is_voter" in each.details]
    evidence += [
        f"{each.by}: {each.host} is {'a' if each.details['is_voter'] else 'no'} voter"
        for each in seen
    ]
    denied = sorted({each.host for each in seen if not each.details["is_voter"]})
    if denied and not wrong:
        yield failed(f"others say that {', '.join(denied)} does not vote", "", *evidence)
    else:
        yield cluster.agreed(wrong, "every peer votes", evidence)


def _commits(heard: Hearing) -> Iterator[Finding]:
    cluster = heard.members
    spreads = [
        max(commits) - min(commits) if commits else 0
        for commits in ([view.commit for view in seen.views.values()] for seen in cluster.looks)
    ]
    evidence = [f"{host}: commit {view.commit}" for host, view in cluster.look.views.items()]
    if min(spreads) > _SPREAD:
        yield failed(f"they are {spreads[-1]} operations apart", "", *evidence)
    else:
        yield cluster.agreed((), f"at most {spreads[-1]} operations apart", evidence)


def _thread(heard: Hearing) -> Iterator[Finding]:
    cluster = heard.members
    evidence = [f"{host}: {view.thread}" for host, view in cluster.look.views.items()]
    stopped: dict[str, str] = {}
    for seen in cluster.sightings:
        thread = (seen.details.get("consensus_thread_status") or {}).get("consensus_thread_status")
        if seen.host and thread:
            evidence.append(f"{seen.by}: that of {seen.host} is {thread}")
            if thread != WORKING:
                stopped[seen.host] = f"that of {seen.host} has stopped"
    for host, view in cluster.look.views.items():
        if view.thread != WORKING:
            why = f" ({view.thread_error})" if view.thread_error else ""
            stopped[host] = f"that of {host} has stopped{why}"
    if stopped:
        yield failed("; ".join(stopped.values()), "", *evidence)
    else:
        yield cluster.agreed((), "it works on every peer", evidence)


def _pending(heard: Hearing) -> Iterator[Finding]:
    cluster = heard.members
    evidence = [f"{host}: {view.pending} pending" for host, view in cluster.look.views.items()]
    yield cluster.agreed(cluster.reasons(Kind.PENDING), "nothing waits", evidence, verdict=warned)


CHECKS: tuple[Check, ...] = (
    Check(
        "QD-08",
        "All peers follow one leader in one term",
        Severity.CRITICAL,
        "Compares whom each peer takes for the leader, and in which term. Without a leader no "
        "collection, replica or peer can be changed, and a replica that was away does not recover.",
        "bring back the peers that are missing, and see that they reach one another; a leader is "
        "chosen within seconds",
        on_cluster(_leader, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-09",
        "No old leader is cut off",
        Severity.CRITICAL,
        "Looks for a peer that calls itself leader while the others follow another. It was cut "
        "off, does not know it, and goes on answering with what it had.",
        "see why it does not reach the others: network, firewall, its own load",
        on_cluster(_cut_off, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-10",
        "Every peer votes",
        Severity.SERIOUS,
        "Looks whether each peer is a voter, by its own word and by what the others heard of it. "
        "One that was removed, or joins just now, has no vote and does not count for the quorum.",
        "wait for one that joins; else stop it, empty its storage, `sophia deploy qdrant`",
        on_cluster(_voters, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-11",
        "All peers have the same operations behind them",
        Severity.SERIOUS,
        "Compares the last operation of the consensus that each peer has carried out. A few apart "
        "are on their way; more than 10, twice in a row, is a peer that does not follow.",
        "look at the log of the peer that is behind; restart it",
        on_cluster(_commits, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-12",
        "The consensus works on every peer",
        Severity.CRITICAL,
        "Looks whether the consensus of each peer still runs, by its own word and the others'. One "
        "that stopped with an error goes on answering reads and writes, and may not start again.",
        "restart one peer; if it does not come up, its log holds an entry that cannot be applied: "
        "empty the peers, deploy, `sophia reindex --from-scratch`",
        on_cluster(_thread, clustered=True),
        fast=True,
        timeout=11.0,
    ),
    Check(
        "QD-13",
        "No operation waits for the consensus",
        Severity.SERIOUS,
        "Looks for operations that a peer has sent and the others have not agreed to, several "
        "times in a row. One that timed out is not refused: it is carried out once there is a "
        "quorum again, so no opposite one may be sent.",
        "bring the quorum back, and see what was carried out before anything else is sent",
        on_cluster(_pending, clustered=True),
        timeout=11.0,
    ),
)
