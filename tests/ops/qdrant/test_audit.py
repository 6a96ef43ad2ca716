"""Replicas are compared by their ids: what one lacks is named, what comes and goes is not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sophia_cli.errors import Unreachable
from sophia_cli.ops.qdrant import audit as auditing
from sophia_cli.ops.qdrant.asks import Answer, Peer, Silence
from sophia_cli.ops.qdrant.audit import audit
from tests.ops.qdrant.recorded import DEAD, PEERS, Recorded, recording

DIVERGED = (
    "diverged-collection-cluster-from-1",
    "diverged-collection-cluster-from-2",
    "diverged-collection-cluster-from-3",
)
POINTS = [point["id"] for point in recording("diverged-ids-from-1").answer.result]


def test_points_that_a_replica_lacks_are_named_with_peer_collection_and_shard() -> None:
    asks = Recorded(DIVERGED, held={"node1": POINTS, "node2": POINTS, "node3": []})

    lacking, compared = audit(asks, PEERS, "node3", None, pause=0.0)

    assert compared == 0
    assert {(each.host, each.has, each.ids) for each in lacking} == {
        ("node3", "node1", (500000, 500001, 500002)),
        ("node3", "node2", (500000, 500001, 500002)),
    }
    assert {each.shards for each in lacking} == {(1, 2)}
    assert str(lacking[0].reason) == (
        "node3 lacks 3 points of coding (shard 1, 2) that node1 has: 500000, 500001, 500002"
    )


def test_a_point_that_only_the_changed_peer_has_is_named_too() -> None:
    asks = Recorded(held={"node1": [1, 2], "node2": [1, 2], "node3": [1, 2, 3]})

    lacking, compared = audit(asks, PEERS, "node3", None, pause=0.0)

    assert compared == 3
    assert {(each.host, each.ids) for each in lacking} == {("node1", (3,)), ("node2", (3,))}


def test_replicas_that_hold_the_same_are_alike_over_many_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditing, "_PAGE", 7)
    ids = list(range(100))
    asks = Recorded(held=dict.fromkeys(("node1", "node2", "node3"), ids))

    assert audit(asks, PEERS, "node2", None, pause=0.0) == ([], 100)


def test_a_point_that_is_there_when_it_is_asked_for_again_is_not_missing() -> None:
    class Written(Recorded):
        """A point that reaches node3 after its replica was read."""

        def ask(self, peer: Peer, method: str, path: str, *more: object, **named: object) -> object:  # type: ignore[override]
            answer = super().ask(peer, method, path, *more, **named)  # type: ignore[arg-type]
            if path.endswith("/scroll") and peer.host == "node3":
                self.held = {**self.held, "node3": [1, 2]}
            return answer

    asks = Written(held={"node1": [1, 2], "node2": [1, 2], "node3": [1]})

    assert audit(asks, PEERS, "node3", None, pause=0.0)[0] == []


def test_of_a_large_collection_what_is_as_new_as_the_change_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditing, "_WHOLE", 5999)
    old, new = "018f0000-0000-7000-8000-000000000000", "ffff0000-0000-7000-8000-000000000000"
    asks = Recorded(held={"node1": [old, new], "node2": [old, new], "node3": [new]})

    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert audit(asks, PEERS, "node3", since, pause=0.0) == ([], 1)
    assert audit(asks, PEERS, "node3", None, pause=0.0)[0], "all of it, when asked for"


def test_a_peer_that_does_not_answer_leaves_the_outcome_open() -> None:
    class Falling(Recorded):
        """A peer that goes once it is asked for points."""

        def ask(
            self, peer: Peer, method: str, path: str, *more: object, **named: object
        ) -> Answer | Silence:  # type: ignore[override]
            if path.endswith("/scroll") and peer.host == "node2":
                return DEAD
            return super().ask(peer, method, path, *more, **named)  # type: ignore[arg-type]

    with pytest.raises(Unreachable, match="node2 does not show its points of coding"):
        audit(Falling(held={"node1": [1], "node2": [1], "node3": [1]}), PEERS, "node3", None)
