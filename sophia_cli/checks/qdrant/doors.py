"""Who gets in: without a key, with a wrong one, and at the port of the peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from sophia_cli.checks.hosts.expected import is_loopback
from sophia_cli.checks.hosts.reach import reached_site
from sophia_cli.checks.qdrant.hearing import SHUT_AFTER, Hearing
from sophia_cli.checks.qdrant.sources import (
    P2P_PORT,
    all_on_loopback,
    hearing,
    on_cluster,
    without,
)
from sophia_cli.errors import SophiaError
from sophia_cli.ops.inventory.model import Role
from sophia_cli.ops.qdrant.asks import Peer, Silence, in_parallel

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene
    from sophia_cli.ops.site import Site

_WRONG = "sophia-doctor-tries-a-wrong-key"
_REFUSES = (401, 403)


def _key_wanted(heard: Hearing) -> Iterator[Finding]:
    if not heard.wanted.keyed and all_on_loopback(heard):
        yield skipped("no key is configured, and only this machine reaches them")
        return
    yield from _knock(heard, None, "without a key")


def _wrong_key(heard: Hearing) -> Iterator[Finding]:
    if not heard.wanted.keyed:
        yield skipped("no key is configured")
        return
    yield from _knock(heard, _WRONG, "with a wrong key")


def _knock(heard: Hearing, key: str | None, how: str) -> Iterator[Finding]:
    peers = [said.peer for said in heard.answering]
    for host, said in in_parallel(lambda peer: heard.door(peer, key), peers).items():
        if isinstance(said, Silence):
            yield unknown(f"it says nothing {how}: {said.reason}", host)
        elif said.status in _REFUSES:
            yield passed(f"it refuses who comes {how}", host, f"GET /collections: {said.status}")
        elif said.status == 200:
            yield failed(f"it lets in who comes {how}", host, f"GET /collections: {said.status}")
        else:
            yield unknown(f"it says something else {how}: {said.error}", host)


def _peers_port(scene: Scene) -> Iterator[Finding]:
    heard = hearing(scene)
    reason = without(heard, clustered=True)
    if reason is not None:
        yield reason
        return
    assert isinstance(heard, Hearing)  # noqa: S101  (`without` has looked)
    if all_on_loopback(heard):
        yield skipped("only this machine reaches them")
        return
    site = reached_site(scene) if heard.wanted.listed else None
    # A port that is shut as it should be takes its time to say so.
    yield from in_parallel(lambda peer: _tried(site, heard, peer), heard.peers).values()


def _tried(site: Site | None, heard: Hearing, peer: Peer) -> Finding:
    """One peer's port, from everywhere that it should be shut to."""
    address = urlsplit(peer.uri)
    host, port = address.hostname or "", address.port or P2P_PORT
    open_to: list[str] = []
    shut_to: list[str] = []
    if not is_loopback(host) and _connects_from_here(heard, host, port):
        open_to.append("this machine")
    else:
        shut_to.append("this machine")
    if site is not None and (outsider := _outsider(site)):
        verdict = reaches(site, outsider, peer)
        if verdict is not None:
            (open_to if verdict else shut_to).append(outsider)
    evidence = [f"{each}: port {port} is open" for each in open_to]
    evidence += [f"{each}: port {port} is shut" for each in shut_to]
    if not open_to:
        return passed(f"its port {port} is shut to {' and '.join(shut_to)}", peer.host, *evidence)
    judged: Callable[..., Finding] = failed if heard.wanted.listed else warned
    return judged(f"its port {port} is open to {' and '.join(open_to)}", peer.host, *evidence)


def _outsider(site: Site) -> str:
    """A host that is no peer: one is enough; empty where every host is one."""
    hosts = site.inventory.hosts.items()
    return next((name for name, host in hosts if Role.QDRANT not in host.roles), "")


def _connects_from_here(heard: Hearing, host: str, port: int) -> bool:
    """Whether this machine, unless it is a peer's own, reaches the port."""
    own = {urlsplit(peer.uri).hostname for peer in heard.peers}
    address = heard.connects(host, port)
    return address is not None and address not in own


def reaches(site: Site, outsider: str, peer: Peer) -> bool | None:
    """Whether a host reaches the peers' port of a peer; None where not even its REST."""
    rest, between = urlsplit(peer.url), urlsplit(peer.uri)
    try:
        with site.connections.to(outsider) as connection:
            connection.open_tcp(rest.hostname or "", rest.port or 0, SHUT_AFTER).close()
            try:
                port = between.port or P2P_PORT
                connection.open_tcp(between.hostname or "", port, SHUT_AFTER).close()
            except SophiaError:
                return False
            return True
    except SophiaError:
        return None


CHECKS: tuple[Check, ...] = (
    Check(
        "QD-31",
        "Nobody gets in without a key",
        Severity.CRITICAL,
        "Asks each server for its collections without a key; it must refuse. Qdrant is open as it "
        "comes: whoever reaches its port reads, changes and deletes everything.",
        "set service.api_key, or `sophia deploy qdrant`; vectors.api_key_file names it here",
        on_cluster(_key_wanted),
        timeout=11.0,
    ),
    Check(
        "QD-32",
        "Nobody gets in with a wrong key",
        Severity.CRITICAL,
        "Asks each server for its collections with a key that is none; it must refuse.",
        "sophia deploy qdrant",
        on_cluster(_wrong_key),
        timeout=11.0,
    ),
    Check(
        "QD-33",
        "The peers' port is shut to everybody else",
        Severity.CRITICAL,
        "Tries to connect to the port that peers speak on, from this machine and from a host that "
        "is no peer. It wants no key of its own: whoever reaches it may join the cluster and read "
        "its collections.",
        "`sophia deploy qdrant` loads the firewall; without hosts, shut it yourself",
        _peers_port,
        timeout=11.0,
    ),
)
