"""A cluster is founded once: a first peer that lost its volume does not found a second."""

from __future__ import annotations

import pytest

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.qdrant.founding import may_be_founded
from sophia_cli.ops.qdrant.same_key import refuse_strangers
from tests.ops.qdrant.recorded import DEAD, PEERS, Recorded

NOBODY = Recorded(silent=dict.fromkeys(("node1", "node2", "node3"), DEAD))


def test_the_first_peer_founds_where_nobody_has_data() -> None:
    assert "node1 founds" in may_be_founded(NOBODY, PEERS, lambda host: False)


def test_a_first_peer_with_data_founds_nothing() -> None:
    assert "part of a cluster" in may_be_founded(NOBODY, PEERS, lambda host: host == "node1")


def test_a_first_peer_without_data_waits_for_those_that_have_some() -> None:
    with pytest.raises(GateFailed, match="a second cluster would be founded") as error:
        may_be_founded(NOBODY, PEERS, lambda host: host != "node1")

    assert "start node2 first" in error.value.hint


def test_a_first_peer_that_lost_its_volume_is_removed_before_it_joins() -> None:
    asks = Recorded(silent={"node1": DEAD})

    with pytest.raises(GateFailed, match="node1 lost its storage: node2 still lists it"):
        may_be_founded(asks, PEERS, lambda host: host != "node1")


def test_a_first_peer_that_was_removed_joins_the_others() -> None:
    asks = Recorded(("timed-out-later-cluster",), silent={"node3": DEAD})
    removed = (PEERS[2], PEERS[0], PEERS[1])

    with pytest.raises(GateFailed, match="node2 still lists it"):
        may_be_founded(asks, removed, lambda host: host != "node3")

    asks = Recorded(("timed-out-later-cluster",), silent={"node3": DEAD, "node2": DEAD})
    assert may_be_founded(asks, removed, lambda host: host != "node3") == (
        "node3 has no data and joins node1"
    )


def test_where_no_peer_runs_none_refuses_the_key() -> None:
    assert refuse_strangers(NOBODY, PEERS) == "no peer answers yet"
