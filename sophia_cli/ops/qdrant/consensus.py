"""What one look proves of the consensus: one cluster, one leader, everybody reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from sophia_cli.ops.qdrant.answers import WORKING, ClusterView, SendFailure, plain
from sophia_cli.ops.qdrant.asks import Silence
from sophia_cli.ops.qdrant.judgement import Kind, Reason
from sophia_cli.ops.qdrant.witnesses import Look, Testimony

# A failure to send stays listed for peers long replaced; a younger one speaks of now, seconds.
# A follower sends little: a peer that was cut off stood there with a failure 4.2 s old.
_FRESH = 10.0
_WITNESSES = 2


def against_consensus(look: Look) -> list[Reason]:
    """What speaks against all wanted peers being one cluster that can lose one more."""
    return [
        *_silent(look),
        *_spare(look),
        *_membership(look),
        *(reason for host, view in look.views.items() for reason in _own_state(host, view)),
        *_agreement(look),
        *_sending(look),
        *_responsive(look),
        *_versions(look),
    ]


def against_quorum(look: Look) -> list[Reason]:
    """What speaks against an operation of the consensus being carried out when it is sent.

    It holds with a dead peer as well: more than half of all that are listed follow one leader.
    """
    views = look.views
    listed = listed_ids(views)
    followers = Counter(
        (view.leader, view.term)
        for view in views.values()
        if view.leader in listed and view.thread == WORKING and view.voter and view.id in listed
    )
    most = max(followers.values(), default=0)
    if 2 * most > len(listed) and any(
        view.role == "Leader"
        and followers[view.id, view.term] == most
        and 2 * (len(listed) - len(_fresh(view))) > len(listed)
        for view in views.values()
    ):
        return []
    return [
        Reason(
            Kind.QUORUM,
            f"no quorum: {most} of {len(listed)} listed peers follow one leader in one term",
        )
    ]


def _silent(look: Look) -> Iterator[Reason]:
    for said in look:
        if isinstance(said.cluster, Silence):
            yield Reason(Kind.SILENT, f"{said.peer.host} does not answer: {said.cluster.reason}")
        elif not said.cluster.enabled:
            yield Reason(Kind.OFF, f"{said.peer.host} runs alone: its cluster is off")


def _own_state(host: str, view: ClusterView) -> Iterator[Reason]:
    if view.thread != WORKING:
        why = f" ({view.thread_error})" if view.thread_error else ""
        yield Reason(Kind.STOPPED, f"{host}: its consensus thread has stopped{why}")
    if not view.voter:
        yield Reason(Kind.NO_VOTER, f"{host} has no vote: it was removed, or joins still")
    if view.pending:
        yield Reason(Kind.PENDING, f"{host}: {view.pending} operations of the consensus pending")


def _membership(look: Look) -> Iterator[Reason]:
    """Whether every peer lists the wanted ones and nobody else, each by the id that it has."""
    views = look.views
    wanted = {plain(said.peer.uri): said.peer.host for said in look}
    for host, view in views.items():
        missing = [f"{other} at {uri}" for uri, other in wanted.items() if not view.id_at(uri)]
        if missing:
            yield Reason(Kind.MISSING, f"{host} does not list {' and '.join(missing)}")
        for uri, other in wanted.items():
            ids = [id_ for id_, at in view.peers.items() if at == uri]
            own = views[other].id if other in views else None
            for id_ in ids:
                if own is not None and id_ != own:
                    yield Reason(
                        Kind.OTHER_ID,
                        f"{host} lists {other} as peer {id_}, but it is {own}: another cluster, "
                        "or it lost its storage",
                    )
        for id_, uri in view.peers.items():
            if uri not in wanted:
                yield Reason(
                    Kind.STRANGER, f"{host} lists peer {id_} at {uri}, which nobody asked for"
                )


def _agreement(look: Look) -> Iterator[Reason]:
    """Whether there is one leader, one term and one commit."""
    views = look.views
    for host, view in views.items():
        if view.leader is None:
            yield Reason(Kind.LEADER, f"{host} knows no leader ({view.role or 'no role'})")
        elif view.leader not in view.peers:
            yield Reason(Kind.LEADER, f"{host} follows peer {view.leader}, which it does not list")
        elif (view.role == "Leader") != (view.leader == view.id):
            yield Reason(
                Kind.LEADER, f"{host} is {view.role} and says that {view.leader} is the leader"
            )
    yield from _same(
        Kind.LEADER, "leader", {h: look.host_of(v.leader or "-") for h, v in views.items()}
    )
    yield from _same(Kind.TERM, "term", {host: str(view.term) for host, view in views.items()})
    yield from _same(
        Kind.COMMIT, "commit", {host: str(view.commit) for host, view in views.items()}
    )


def _same(kind: Kind, what: str, said: Mapping[str, str]) -> Iterator[Reason]:
    if len(set(said.values())) > 1:
        each = ", ".join(f"{host} says {value}" for host, value in said.items())
        yield Reason(kind, f"{what}: {each}")


def _sending(look: Look) -> Iterator[Reason]:
    names = {plain(said.peer.uri): said.peer.host for said in look}
    for host, view in look.views.items():
        for failed in _fresh(view):
            yield Reason(
                Kind.SENDING,
                f"{host} cannot send to {names.get(failed.uri, failed.uri)}: {failed.error}",
            )


def _fresh(view: ClusterView) -> list[SendFailure]:
    """The failures to send that speak of now."""
    return [failed for failed in view.failures if failed.age is None or failed.age < _FRESH]


def _responsive(look: Look) -> Iterator[Reason]:
    """Whether each wanted peer was reached by two, itself counted where it says so."""
    needed = min(_WITNESSES, len(look.testimonies))
    for peer in (said.peer for said in look):
        reached = 0
        for said in look:
            verdict, reason = _reached(said, plain(peer.uri))
            reached += verdict
            if reason and said.peer.host in look.views:
                yield Reason(Kind.UNRESPONSIVE, f"{said.peer.host}: {peer.host} {reason}")
        if reached < needed:
            yield Reason(
                Kind.UNRESPONSIVE,
                f"{peer.host} was reached by {reached} peers, and {needed} must say so",
            )


def _reached(said: Testimony, uri: str) -> tuple[bool, str]:
    """Whether one peer reached another, and what speaks against it."""
    if said.seen is None:  # older than 1.16: its list of failures is all that it tells
        known = isinstance(said.cluster, ClusterView) and said.cluster.id_at(uri) is not None
        return known, ""
    if isinstance(said.seen, Silence):
        return False, "may be reached or not: it does not tell"
    seen = next((seen for seen in said.seen if seen.uri == uri), None)
    if seen is None:
        return False, ""
    if not seen.responsive:
        return False, "is not responsive"
    if seen.thread != WORKING:
        return False, "has a consensus thread that stopped"
    if seen.term is None:
        return False, "is responsive and tells nothing"
    return True, ""


def _spare(look: Look) -> Iterator[Reason]:
    """Whether there is a quorum, and still one when one more peer is gone."""
    views = look.views
    listed = len(listed_ids(views)) or len(look.testimonies)
    responsive = sum(view.thread == WORKING and view.voter for view in views.values())
    left = responsive - 1 if listed > 2 else responsive
    if 2 * left <= listed:
        yield Reason(
            Kind.QUORUM,
            f"{responsive} of {listed} listed peers vote: "
            + ("no quorum" if 2 * responsive <= listed else "no quorum once one more is lost"),
        )


def _versions(look: Look) -> Iterator[Reason]:
    minors = {tuple(version.split(".")[:2]) for version in look.versions}
    try:
        numbers = sorted(int(major) * 1000 + int(minor) for major, minor in minors)
    except ValueError:
        return
    if numbers and numbers[-1] - numbers[0] > 1:
        yield Reason(
            Kind.VERSION, f"versions {' and '.join(look.versions)}: more than one minor apart"
        )


def listed_ids(views: Mapping[str, ClusterView]) -> set[str]:
    """Every peer that anybody lists: each of them counts for the quorum."""
    return {id_ for view in views.values() for id_ in view.peers}
