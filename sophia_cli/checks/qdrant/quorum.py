"""Whether the peers reach one another, and are enough to agree on anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, unknown, warned
from sophia_cli.checks.qdrant.hearing import WITNESSES, Hearing
from sophia_cli.checks.qdrant.sources import on_cluster
from sophia_cli.ops.qdrant.answers import WORKING, ClusterView, SendFailure, plain
from sophia_cli.ops.qdrant.asks import Peer
from sophia_cli.ops.qdrant.consensus import listed_ids

_FRESH = 10.0
"""Seconds: an older failure to send says nothing of now."""
_YES, _NO = "reaches", "does not reach"


def _reach(heard: Hearing) -> Iterator[Finding]:
    cluster = heard.members
    evidence: list[str] = []
    against: list[str] = []
    too_few: list[str] = []
    for peer in cluster.peers:
        words = {host: _word(cluster, host, peer) for host in cluster.look.views}
        evidence += [
            f"{by}: {word or 'does not tell of'} {peer.host}" for by, word in words.items()
        ]
        no = [by for by, word in words.items() if word == _NO]
        if no:
            against.append(f"{' and '.join(no)} cannot reach {peer.host}")
        elif sum(word == _YES for word in words.values()) < min(WITNESSES, len(cluster.peers)):
            too_few.append(peer.host)
    evidence += _failures(cluster)
    if against:
        yield failed("; ".join(against), "", *evidence)
    elif too_few:
        yield unknown(f"too few tell whether they reach {', '.join(too_few)}", "", *evidence)
    else:
        yield passed("every peer reaches every other", "", *evidence)


def _word(cluster: Hearing, by: str, peer: Peer) -> str:
    """Whether one peer reaches another; empty where it does not tell.

    What it tried just now says more than what failed a while ago.
    """
    own = cluster.look.views.get(peer.host)
    for each in cluster.sightings:
        if each.by == by and (each.host == peer.host or (own and each.id == own.id)):
            return _YES if each.responsive else _NO
    view = cluster.look.views[by]
    if view.id_at(peer.uri) is None:
        return ""
    if any(failure.uri == plain(peer.uri) and _is_fresh(failure) for failure in view.failures):
        return _NO
    # Older than 1.16: its failures to send are all that it tells.
    return _YES if any(said.seen is None for said in cluster.look if said.peer.host == by) else ""


def _failures(cluster: Hearing) -> Iterator[str]:
    """What could not be sent, as evidence: it stays listed for peers long replaced."""
    for host, view in cluster.look.views.items():
        for failure in view.failures:
            age = "at some time" if failure.age is None else f"{failure.age:,.0f} s ago"
            yield f"{host}: could not send to {failure.uri} {age}: {failure.error}"


def _is_fresh(failure: SendFailure) -> bool:
    return failure.age is None or failure.age < _FRESH


def _quorum(heard: Hearing) -> Iterator[Finding]:
    cluster = heard.members
    views = cluster.look.views
    listed = listed_ids(views)
    followed = Counter((view.leader, view.term) for view in views.values() if view.leader)
    leader, term = max(followed, key=lambda each: followed[each], default=(None, 0))
    voting = listed & (
        _seen_by_enough(cluster, term)
        | {
            view.id
            for view in views.values()
            if (view.leader, view.term) == (leader, term) and view.voter and view.thread == WORKING
        }
    )
    evidence = [
        f"{host}: {view.role or 'no role'} of term {view.term}, lists {len(view.peers)} peers"
        for host, view in views.items()
    ]
    count = f"{len(voting)} of {len(listed)} listed peers vote"
    if leader is None or leader not in voting:
        yield failed(f"no quorum: {count}, and follow nobody who leads", "", *evidence)
    elif 2 * len(voting) <= len(listed) or not _reaches_most(views, leader):
        yield failed(f"no quorum: {count}", "", *evidence)
    elif len(listed) > 2 and 2 * (len(voting) - 1) <= len(listed):
        yield warned(f"{count}: with one more lost, there is no quorum", "", *evidence)
    else:
        spare = len(voting) - len(listed) // 2 - 1
        yield cluster.agreed((), f"{count}, {spare or 'none'} to spare", evidence)


def _seen_by_enough(cluster: Hearing, term: int) -> set[str]:
    """The ids of peers of whom others heard just now that they work and vote, in this term."""
    seen: dict[str, set[str]] = {}
    for each in cluster.sightings:
        own = cluster.look.views.get(each.by)
        follows = each.votes and each.details.get("term") == term
        if follows and own is not None and own.id != each.id:
            seen.setdefault(each.id, set()).add(each.by)
    needed = min(WITNESSES, len(cluster.look.views))
    return {id_ for id_, by in seen.items() if len(by) >= needed}


def _reaches_most(views: Mapping[str, ClusterView], leader: str) -> bool:
    """Whether a leader lately reached more than half of all, as far as it says itself."""
    own = next((view for view in views.values() if view.id == leader), None)
    if own is None:
        return True
    listed = set(own.peers.values())
    lost = sum(_is_fresh(failure) and failure.uri in listed for failure in own.failures)
    return own.role == "Leader" and 2 * (len(own.peers) - lost) > len(own.peers)


CHECKS: tuple[Check, ...] = (
    Check(
        "QD-14",
        "Every peer reaches every other",
        Severity.SERIOUS,
        "Asks each peer whom it reaches, and which messages did not arrive. A failure stays listed "
        "long after: one of the last 10 s counts, an older one is shown as evidence alone.",
        "see that the hosts let one another reach the peers' port, and that none is frozen",
        on_cluster(_reach, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-16",
        "The quorum holds, also with one more peer lost",
        Severity.CRITICAL,
        "Counts the peers that answer, vote and follow one leader against all that are listed, the "
        "lost ones among them: more than half must. It fails without a quorum, and warns when the "
        "next loss would end it.",
        "bring the missing peers back first; without a quorum, send no operation meanwhile",
        on_cluster(_quorum, clustered=True),
        fast=True,
        timeout=11.0,
    ),
)
