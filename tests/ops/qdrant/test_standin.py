"""The gate, the collections and the rolling change on running peers: stand-ins, not Qdrant.

Each peer is a process that keeps its points in the real engine; it is asked as in a deployment,
over a connection to its host.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.gates import qdrant as gates
from sophia_cli.ops.inventory.model import Inventory
from sophia_cli.ops.qdrant.asks import Answer, Peer, peers_of
from sophia_cli.ops.qdrant.audit import audit
from sophia_cli.ops.qdrant.gate import Patience, prove
from sophia_cli.ops.qdrant.over_http import Directly, HttpAsks, site_asks
from sophia_cli.ops.qdrant.rolling import RollingChange
from sophia_cli.ops.qdrant.same_key import refuse_strangers
from sophia_cli.ops.site import Site
from tests.lab.standin.cluster import StandinCluster
from tests.ops.qdrant.loopback import Loopbacks
from tests.ops.qdrant.site import KEYS, site

pytestmark = pytest.mark.timeout(240)
AT_ONCE = Patience(total=0.0, pause=0.0)
PATIENT = Patience(total=90.0, pause=0.1)
COLLECTION = "sophia_coding"


@dataclass
class Deployed:
    """Three peers, and the site that they are to an operator."""

    cluster: StandinCluster
    site: Site
    peers: tuple[Peer, ...]
    asks: HttpAsks

    def whole(self) -> str:
        return prove(self.asks, self.peers, 3, PATIENT)

    def refused(self) -> str:
        with pytest.raises(GateFailed) as error:
            prove(self.asks, self.peers, 3, AT_ONCE)
        return error.value.message

    def write(self, number: int, ids: list[str]) -> bool:
        """Writes points through a peer; whether they were acknowledged."""
        vectors = {"dense": [0.1] * 384, "context": [0.2] * 384}
        points = [{"id": id_, "vector": vectors, "payload": {"user": "ana"}} for id_ in ids]
        path = f"/collections/{COLLECTION}/points?wait=true"
        said = self.asks.ask(self.peers[number], "PUT", path, {"points": points}, 30.0)
        return isinstance(said, Answer) and said.status == 200

    def held(self, number: int, ids: list[str]) -> set[str]:
        path = f"/collections/{COLLECTION}/points"
        said = self.asks.ask(self.peers[number], "POST", path, {"ids": ids}, 30.0)
        assert isinstance(said, Answer)
        return {point["id"] for point in said.result}


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployed]:
    with StandinCluster(
        tmp_path, api_key=KEYS["qdrant-api-key"], service={"enforce_internal_auth": True}
    ) as cluster:
        wanted = Inventory.model_validate(
            {
                "hosts": {
                    f"node{peer.number}": {"address": peer.host, "roles": ["qdrant"]}
                    for peer in cluster.peers
                }
            }
        )
        place = site(wanted, Loopbacks())
        with site_asks(place) as asks:
            yield Deployed(cluster, place, peers_of(wanted), asks)


def _ids(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


def test_a_cluster_that_has_formed_passes_and_gets_its_collections(deployed: Deployed) -> None:
    assert deployed.whole().startswith("3 peers of 1.18.3, leader node")

    said = gates.qdrant_collections(deployed.site, [])

    assert "sophia_coding created, as it should be on every peer" in said
    assert "every replica of 2 collections active 3 times in a row" in deployed.whole()
    assert "sophia_coding is there" in gates.qdrant_collections(deployed.site, [])


def test_what_is_wrong_shuts_the_gate_and_its_end_opens_it(deployed: Deployed) -> None:
    gates.qdrant_collections(deployed.site, [])
    cluster = deployed.cluster

    cluster.kill(2)
    assert "node2 does not answer" in deployed.refused()
    cluster.start(2)
    deployed.whole()

    cluster.freeze(1)
    assert "node1 does not answer: no answer within 5 s" in deployed.refused()
    cluster.thaw(1)
    deployed.whole()

    cluster[2].switch(disk_full=True)
    assert "No space left on device" in deployed.refused()
    cluster.heal(2)
    deployed.whole()

    cluster[1].switch(consensus_stopped=True)
    assert "consensus thread" in deployed.refused()


def test_a_peer_that_lost_a_write_is_found_though_every_state_is_active(
    deployed: Deployed,
) -> None:
    gates.qdrant_collections(deployed.site, [])
    ids = _ids(40)
    assert deployed.write(0, ids)
    deployed.cluster[0].switch(lose_writes=True)  # the peer of the two with the greater id lacks it
    lost = _ids(5)
    assert deployed.write(0, lost)
    deployed.cluster.heal(0)
    victim = max((1, 2), key=lambda number: deployed.cluster[number].id)

    lacking, compared = audit(deployed.asks, deployed.peers, f"node{victim}", None, pause=0.1)

    assert compared == 40
    assert {each.host for each in lacking} == {f"node{victim}"}
    assert all(set(each.ids) == set(lost) for each in lacking)
    assert f"node{victim} lacks 5 points of sophia_coding" in deployed.refused()


@dataclass
class Writers:
    """Writes through the peers that are in use, and notes what was acknowledged."""

    deployed: Deployed
    used: set[int] = field(default_factory=lambda: {0, 1, 2})
    acknowledged: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        for number in itertools.cycle((0, 1, 2)):
            if self.stopped.is_set():
                return
            with self.turn:
                ids = _ids(3)
                if number in self.used and self.deployed.write(number, ids):
                    self.acknowledged += ids
            time.sleep(0.02)

    def drain(self, url: str) -> str:
        with self.turn:  # nothing is under way any more
            self.used.discard(self._number(url))
        return "drained"

    def resume(self, url: str) -> str:
        self.used.add(self._number(url))
        return "resumed"

    def _number(self, url: str) -> int:
        return [peer.url for peer in self.deployed.peers].index(url)


def test_a_rolling_change_under_writes_loses_nothing_from_any_replica(deployed: Deployed) -> None:
    gates.qdrant_collections(deployed.site, [])
    writers = Writers(deployed)
    change = RollingChange(
        deployed.asks,
        deployed.peers,
        3,
        writers,
        lambda host: True,
        lambda peer: None,
        patience=PATIENT,
    )
    writing = threading.Thread(target=writers.run)
    writing.start()
    try:
        for number in range(3):
            assert "drained" in change.before(f"node{number}")
            deployed.cluster.restart(number)
            assert "resumed" in change.after(f"node{number}")
    finally:
        writers.stopped.set()
        writing.join()

    assert len(writers.acknowledged) > 30
    for number in range(3):
        assert deployed.held(number, writers.acknowledged) == set(writers.acknowledged)
    assert deployed.whole()


def test_what_no_silent_peer_explains_is_said_as_it_is(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.whole()
    deployed.cluster[2].switch(disk_full=True)
    monkeypatch.setattr(gates, "Patience", lambda: Patience(total=0.1))
    with pytest.raises(GateFailed, match=r"a probing write .* failed: .* No space left") as refused:
        gates.qdrant(deployed.site, [])
    assert refused.value.__cause__ is None


def test_a_peer_with_other_secrets_is_not_changed(deployed: Deployed) -> None:
    with contextlib.ExitStack() as stack:
        asks = HttpAsks(Directly(), "another key", stack)
        change = RollingChange(
            asks, deployed.peers, 3, _Nobody(), lambda _: True, lambda _: None, 0.0
        )
        with pytest.raises(GateFailed, match=r"does not take the key .* \(HTTP 401\)") as refused:
            change.before("node1")
        with pytest.raises(GateFailed, match=r"node0 .* does not take the key .* \(HTTP 401\)"):
            refuse_strangers(asks, deployed.peers)
    assert "cluster.secrets_dir" in refused.value.hint


def test_peers_take_the_key_that_they_were_deployed_with(deployed: Deployed) -> None:
    shown = refuse_strangers(deployed.asks, deployed.peers)
    assert shown == "node0 and node1 and node2 took the key"


class _Nobody:
    """Must not be asked to drain."""

    def drain(self, url: str) -> str:
        raise AssertionError(url)

    resume = drain
