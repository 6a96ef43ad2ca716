"""The change of one peer: proven and drained before, proven, audited and resumed after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.qdrant.asks import Peer
from sophia_cli.ops.qdrant.gate import Patience
from sophia_cli.ops.qdrant.rolling import RollingChange
from sophia_cli.ops.qdrant.startup import Explanation
from tests.ops.qdrant.recorded import DEAD, PEERS, Recorded

SAME = {"node1": [1, 2], "node2": [1, 2], "node3": [1, 2]}


@dataclass
class Drained:
    """What was drained and resumed, in order."""

    calls: list[str] = field(default_factory=list)

    def drain(self, url: str) -> str:
        self.calls.append(f"drain {url}")
        return "drained"

    def resume(self, url: str) -> str:
        self.calls.append(f"resume {url}")
        return "resumed"


def _change(
    asks: Recorded,
    drain: Drained,
    *,
    data: Callable[[str], bool] = lambda host: True,
    why: Callable[[Peer], Explanation | None] = lambda peer: None,
) -> RollingChange:
    at_once = Patience(total=0.0, pause=0.0)
    return RollingChange(asks, PEERS, 3, drain, data, why, 0.0, at_once, at_once)


def test_a_peer_is_drained_once_the_cluster_can_do_without_it() -> None:
    drain = Drained()

    said = _change(Recorded(), drain).before("node2")

    assert drain.calls == ["drain http://192.0.2.12:6333"]
    assert said.startswith("3 peers") and said.endswith("drained")


def test_nothing_is_drained_while_another_peer_is_gone() -> None:
    drain = Drained()
    asks = Recorded(silent={"node3": DEAD})

    with pytest.raises(GateFailed, match="node3 does not answer"):
        _change(asks, drain).before("node2")

    assert drain.calls == []


def test_a_peer_that_does_not_answer_may_be_changed_and_is_not_drained() -> None:
    drain = Drained()

    said = _change(Recorded(silent={"node3": DEAD}), drain).before("node3")

    assert "nothing to drain" in said
    assert drain.calls == []


def test_the_first_start_of_all_waits_for_nobody() -> None:
    drain = Drained()
    asks = Recorded(silent=dict.fromkeys(("node1", "node2", "node3"), DEAD))

    said = _change(asks, drain, data=lambda host: False).before("node1")

    assert "nothing to drain" in said


def test_a_peer_that_lost_its_storage_is_not_started_while_the_others_list_it() -> None:
    asks = Recorded(silent={"node1": DEAD})

    with pytest.raises(
        GateFailed, match="node1 lost its storage: node2 still lists it as peer"
    ) as e:
        _change(asks, Drained(), data=lambda host: host != "node1").before("node1")

    assert f"DELETE /cluster/peer/{asks.ids['node1']}?force=true" in e.value.hint


def test_a_changed_peer_is_resumed_once_its_replicas_hold_what_the_others_hold() -> None:
    drain = Drained()

    said = _change(Recorded(held=SAME), drain).after("node2")

    assert drain.calls == ["resume http://192.0.2.12:6333"]
    assert "2 points compared; resumed" in said


def test_a_peer_that_lacks_points_stays_drained_and_the_next_is_left_alone() -> None:
    drain = Drained()

    with pytest.raises(GateFailed, match="node2 lacks 1 points of coding that node1 has: 2") as e:
        _change(Recorded(held={**SAME, "node2": [1]}), drain).after("node2")

    assert drain.calls == []
    assert "node2 stays drained" in e.value.hint


def test_a_peer_whose_replicas_are_not_back_stays_drained() -> None:
    drain = Drained()
    asks = Recorded(("transferring-collection",), held=SAME)

    with pytest.raises(GateFailed, match="is Recovery"):
        _change(asks, drain).after("node3")

    assert drain.calls == []


def test_a_peer_that_did_not_start_is_explained() -> None:
    asks = Recorded(silent={"node2": DEAD})
    cause = Explanation("another process has one of its ports", "find it with `ss -ltnp`")

    with pytest.raises(GateFailed, match="node2 did not start: another process has") as error:
        _change(asks, Drained(), why=lambda peer: cause).after("node2")

    assert error.value.hint == "find it with `ss -ltnp`"


def test_a_cluster_that_is_being_formed_is_asked_for_the_peers_that_joined() -> None:
    drain = Drained()

    class Forming(Recorded):
        """node1 and node2; node3 did not come yet, and nobody lists it."""

    asks = Forming(
        ("enforced-internal-auth-cluster",),
        peers=PEERS[:2],
        factor=2,
        held={"node1": [], "node2": []},
    )
    everything = asks.ask
    asks.ask = lambda peer, *more, **named: (  # type: ignore[method-assign]
        DEAD if peer.host == "node3" else everything(peer, *more, **named)
    )

    said = _change(asks, drain).after("node2")

    assert said.startswith("2 peers of 1.18.3, none to spare")
    assert drain.calls == ["resume http://192.0.2.12:6333"]
