"""Who is a peer of the cluster: everybody answers, and all list the same."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

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
from sophia_cli.checks.qdrant.hearing import WITNESSES, Hearing
from sophia_cli.checks.qdrant.sources import ONE_SERVER, hearing, on_cluster
from sophia_cli.ops.qdrant.answers import ClusterView, plain
from sophia_cli.ops.qdrant.asks import Answer, Silence
from sophia_cli.ops.qdrant.judgement import Kind, told

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_DOCKER = ipaddress.ip_network("172.17.0.0/16")
_REFUSED = (401, 403)


def _answers(scene: Scene) -> Iterator[Finding]:
    heard = hearing(scene)
    if isinstance(heard, str):
        yield skipped(heard)
        return
    for said in heard.look:
        host = said.peer.host
        evidence = tuple(_said_of(heard, said.peer.uri, host))
        raw = heard.answers.get((host, "/cluster"))
        if isinstance(raw, Answer) and raw.status in _REFUSED:
            yield failed(
                f"it refuses our key ({raw.error})",
                host,
                *evidence,
                command="give this machine the peers' key, or deploy Qdrant again",
            )
        elif isinstance(said.cluster, Silence) and _is_only_our_way(heard, host):
            yield unknown(f"its host is not reached; others reach it: {said.cluster.reason}", host)
        elif isinstance(said.cluster, Silence):
            yield failed(f"it does not answer: {said.cluster.reason}", host, *evidence)
        else:
            yield passed(f"it answers, version {said.version or 'not told'}", host, *evidence)


def _is_only_our_way(heard: Hearing, host: str) -> bool:
    """Whether a peer is silent because we do not come to its host, while the others reach it."""
    if not heard.is_lost(host):
        return False
    reached = {each.by for each in heard.sightings if each.host == host and each.responsive}
    return len(reached) >= min(WITNESSES, len(heard.peers) - 1)


def _said_of(heard: Hearing, uri: str, host: str) -> Iterator[str]:
    """What the others say of a peer."""
    for seen in heard.sightings:
        if seen.host == host and seen.by != host:
            yield f"{seen.by} {'reaches' if seen.responsive else 'does not reach'} it"
    for said in heard.look:
        if said.peer.host == host:
            continue
        if isinstance(said.cluster, ClusterView):
            for failure in said.cluster.failures:
                if failure.uri == plain(uri):
                    yield f"{said.peer.host} cannot send to it: {failure.error}"


def _part_of_cluster(heard: Hearing) -> Iterator[Finding]:
    if not heard.look.views and not heard.wanted.clustered:
        yield skipped(ONE_SERVER)
        return
    for said in heard.answering:
        assert isinstance(said.cluster, ClusterView)  # noqa: S101  (`answering`)
        others = ", ".join(
            f"{host} lists {len(view.peers)} peers"
            for host, view in heard.look.views.items()
            if host != said.peer.host
        )
        evidence = (others,) if others else ()
        if said.cluster.enabled:
            yield passed("it runs as a peer", said.peer.host, *evidence)
        else:
            yield failed("it runs alone: its cluster is off", said.peer.host, *evidence)


def _same_peers(heard: Hearing) -> Iterator[Finding]:
    evidence = [
        f"{host} lists {', '.join(f'{id_} at {uri}' for id_, uri in sorted(view.peers.items()))}"
        for host, view in heard.look.views.items()
    ]
    wrong = heard.reasons(Kind.MISSING, Kind.OTHER_ID)
    strangers = heard.reasons(Kind.STRANGER)
    if not wrong and strangers and not heard.wanted.listed:
        says = f"{told(strangers)}: vectors.urls does not name it"
        yield warned(says, "", *evidence, command="name every peer in vectors.urls")
        return
    count = max((len(view.peers) for view in heard.look.views.values()), default=0)
    yield heard.agreed([*wrong, *strangers], f"every peer lists the same {count}", evidence)


def _none_removed(heard: Hearing) -> Iterator[Finding]:
    yield from _outsiders(
        heard, "removed", "{} answers, and was removed from the cluster", "no removed peer answers"
    )


def _one_cluster(heard: Hearing) -> Iterator[Finding]:
    yield from _outsiders(
        heard, "apart", "{} is a cluster of its own", "all who answer are one cluster"
    )


def _outsiders(heard: Hearing, kind: str, says: str, well: str) -> Iterator[Finding]:
    found = [host for host, what in heard.outsiders.items() if what == kind]
    for host in found:
        own = heard.look.views[host]
        evidence = [
            f"{host} says it is peer {own.id} of {len(own.peers)}, consensus {own.thread}, "
            f"{'a' if own.voter else 'no'} voter",
            *(
                f"{other} lists {view.id_at(_uri_of(heard, host)) or 'nobody'} at its address"
                for other, view in heard.look.views.items()
                if other != host
            ),
        ]
        yield failed(says.format(host), host, *evidence)
    if not found:
        yield heard.agreed((), well)


def _uri_of(heard: Hearing, host: str) -> str:
    return next(peer.uri for peer in heard.peers if peer.host == host)


def _addresses(heard: Hearing) -> Iterator[Finding]:
    """Under which address the others, and it itself, list each peer."""
    for host, own in heard.look.views.items():
        said_by = {
            other: view.peers[own.id]
            for other, view in heard.look.views.items()
            if own.id in view.peers
        }
        evidence = [f"{other} lists it at {uri}" for other, uri in said_by.items()]
        wrong = sorted({uri for uri in said_by.values() if _is_wrong(heard, host, uri)})
        if wrong:
            wanted = f", not at {_uri_of(heard, host)}" if heard.wanted.listed else ""
            yield failed(f"it is listed at {', '.join(wrong)}{wanted}", host, *evidence)
        elif not said_by:
            yield unknown("nobody lists it", host)
        else:
            yield passed("it is listed where it is", host, *evidence)


def _is_wrong(heard: Hearing, host: str, uri: str) -> bool:
    if heard.wanted.listed:
        return plain(uri) != plain(_uri_of(heard, host))
    try:
        address = ipaddress.ip_address(urlsplit(uri).hostname or "")
    except ValueError:
        return False
    return address.is_unspecified or (address.version == 4 and address in _DOCKER)


CHECKS: tuple[Check, ...] = (
    Check(
        "QD-01",
        "Every peer answers",
        Severity.CRITICAL,
        "Asks each peer for its view of the cluster, and the others whether they reach it. A peer "
        "that is down, frozen or cut off does not answer; the others go on without it, and it "
        "misses what is written meanwhile.",
        "start it, or look at its log: `docker logs sophia-qdrant` on its host",
        _answers,
        fast=True,
        timeout=11.0,
    ),
    Check(
        "QD-02",
        "Every server is a peer of a cluster",
        Severity.CRITICAL,
        "Looks whether each server runs with its cluster on. One that runs alone takes writes that "
        "no other server gets.",
        "its configuration wants `cluster.enabled: true`: `sophia deploy qdrant`",
        on_cluster(_part_of_cluster),
        timeout=11.0,
    ),
    Check(
        "QD-05",
        "Every peer lists the same peers",
        Severity.CRITICAL,
        "Compares the ids and addresses that each peer lists with those of the others, and with "
        "the inventory. A missing one runs apart; one that nobody asked for holds a copy of what "
        "it is given, and counts for the quorum.",
        "remove a stranger (`DELETE /cluster/peer/ID` at another peer) or add it to the inventory; "
        "a missing one: stop it, empty its storage, `sophia deploy qdrant`",
        on_cluster(_same_peers, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-06",
        "No peer that was removed still answers",
        Severity.SERIOUS,
        "Looks for a peer that answers while none of the others lists it. It says that it is ready "
        "and answers searches with what it had; it does not come back by itself.",
        "stop it, empty its storage, and `sophia deploy qdrant` if it is to come back",
        on_cluster(_none_removed, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-07",
        "There is one cluster, not two",
        Severity.CRITICAL,
        "Looks for a peer that works as a cluster of its own, as one does that lost its storage "
        "and was started as the first. It is ready and empty, and the others notice nothing.",
        "stop it, remove its old id at another peer, empty its storage, `sophia deploy qdrant`",
        on_cluster(_one_cluster, clustered=True),
        timeout=11.0,
    ),
    Check(
        "QD-15",
        "Every peer is listed at its right address",
        Severity.SERIOUS,
        "Compares the address under which the peers list one another with the inventory's. Without "
        "an inventory it looks for addresses that only a container on the same host reaches "
        "(172.17.*) and for none at all (0.0.0.0).",
        "the peer's --uri is wrong: `sophia deploy qdrant`",
        on_cluster(_addresses, clustered=True),
        timeout=11.0,
    ),
)
