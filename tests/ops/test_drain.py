"""Draining from outside, through the services of two hosts: two real resident processes.

The peers are stand-ins, not Qdrant; `systemctl` and the hosts' program are scripts.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from sophia_cli.ops import drain as draining
from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.site import Site
from tests.conftest import SOPHIA, Sophia
from tests.daemon.test_draining import pair, peers, state  # noqa: F401  (fixtures)
from tests.ops import services_local as local
from tests.tiers.vectors.standin import Peer

HOSTS = {
    "one": {"address": "127.0.0.1", "roles": ["sophia", "qdrant"]},
    "two": {"address": "127.0.0.1", "roles": ["sophia", "qdrant"]},
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Two hosts on which nothing is deployed yet."""
    monkeypatch.setattr(draining, "PROGRAM", "/nonexistent/sophia")
    return local.local_site(tmp_path, HOSTS)


def deploy(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, homes: dict[str, Sophia]
) -> None:
    """Each host's program is the real client in that host's home, as its service runs it."""
    connections: local.LocalConnections = site.connections  # type: ignore[assignment]
    program = tmp_path / "sophia"
    program.write_text('#!/bin/sh\nexec sophia-here "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(draining, "PROGRAM", str(program))
    for host, sophia in homes.items():
        variables = {**sophia.variables, "SOPHIA_HOME": str(sophia.home)}
        words = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
        stubs = connections.at(host)
        stubs.stub("sophia-here", f'#!/bin/sh\nexec env {words} {SOPHIA} "$@"\n')
        stubs.stub("systemctl", '#!/bin/sh\n[ "$*" = "is-active --quiet sophia.service" ]\n')


def test_where_sophia_is_not_deployed_there_is_nothing_to_drain(site: Site) -> None:
    said = draining.drain(site, "http://192.0.2.11:6333")
    assert said.startswith("nothing to drain") and "not deployed on one yet" in said
    assert draining.resume(site, "http://192.0.2.11:6333").startswith("nothing to resume")


def test_every_hosts_service_leaves_the_peer_alone_until_it_is_resumed(
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pair: tuple[Sophia, Sophia],  # noqa: F811
    peers: list[Peer],  # noqa: F811
) -> None:
    one, two = pair
    deploy(site, tmp_path, monkeypatch, {"one": one, "two": two})
    assert draining.drain(site, peers[0].url) == f"sophia on one, two asks {peers[0].url} no more"
    assert state(one, peers[0]) == state(two, peers[0]) == "drained"
    with pytest.raises(GateFailed) as refused:
        draining.drain(site, peers[1].url)
    assert "last peer" in refused.value.message and refused.value.message[:4] in ("one:", "two:")
    assert draining.resume(site, peers[0].url) == f"sophia on one, two asks {peers[0].url} again"
    assert state(one, peers[0]) == state(two, peers[0]) == "asked"
    connections: local.LocalConnections = site.connections  # type: ignore[assignment]
    connections.at("two").stub("systemctl", "#!/bin/sh\nexit 3\n")
    assert (
        draining.drain(site, peers[0].url)
        == f"sophia on one and 1 more process asks {peers[0].url} no more"
    )
    with pytest.raises(GateFailed, match="none of the peers"):
        draining.drain(site, "http://127.0.0.9:6333")
