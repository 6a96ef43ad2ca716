"""The gate, shown every situation that was recorded of real peers."""

from __future__ import annotations

import pytest

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.qdrant.consensus import against_consensus, against_quorum
from sophia_cli.ops.qdrant.gate import Patience, prove
from sophia_cli.ops.qdrant.judgement import Kind
from sophia_cli.ops.qdrant.operation import outcome_of
from sophia_cli.ops.qdrant.replicas import against_counts, against_replicas
from sophia_cli.ops.qdrant.witnesses import PROBE, look
from tests.ops.qdrant.recorded import CLUSTER, DEAD, PEERS, Recorded, recording
from tests.ops.qdrant.verdicts import GATE, OUTCOMES, PROVES_NOTHING, Situation

AT_ONCE = Patience(total=0.0, pause=0.0)


def _asks(situation: Situation, *more: str) -> Recorded:
    return Recorded(
        (*situation.files, *more),
        situation.silent,
        PEERS[: situation.peers],
        situation.factor,
        held=situation.held,
    )


def test_every_recorded_situation_has_a_verdict() -> None:
    files = {path.stem for path in CLUSTER.glob("*.json")}
    judged = {name for situation in GATE.values() for name in situation.files}
    judged |= set(OUTCOMES) | set(PROVES_NOTHING)

    assert files - judged == set(), "recorded, and nobody said what must come of it"
    assert judged - files == set(), "judged, and nobody recorded it"


@pytest.mark.parametrize("name", [name for name, each in GATE.items() if not each.against])
def test_the_gate_opens_for(name: str) -> None:
    situation = GATE[name]

    shown = prove(_asks(situation), PEERS[: situation.peers], 3, AT_ONCE)

    assert "3 times in a row" in shown
    assert situation.words in shown


@pytest.mark.parametrize("name", [name for name, each in GATE.items() if each.against])
def test_the_gate_stays_shut_and_says_why(name: str) -> None:
    situation = GATE[name]
    asks = _asks(situation)
    peers = PEERS[: situation.peers]

    with pytest.raises(GateFailed) as refused:
        prove(asks, peers, 3, AT_ONCE)

    seen = look(asks, peers)
    kinds = {
        reason.kind
        for reason in (*against_consensus(seen), *against_replicas(seen), *against_counts(seen))
    }
    if Kind.PROBE in situation.against:
        assert not kinds, "only a write of our own shows it"
        assert "probing write" in refused.value.message
    else:
        assert situation.against <= kinds
    assert situation.words in refused.value.message
    assert refused.value.hint
    assert "\n" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("name", PROVES_NOTHING)
def test_an_answer_that_misleads_changes_nothing(name: str) -> None:
    situation = GATE[PROVES_NOTHING[name]]

    assert _verdict(_asks(situation, name), situation) == _verdict(_asks(situation), situation)


def _verdict(asks: Recorded, situation: Situation) -> str:
    try:
        return prove(asks, PEERS[: situation.peers], 3, AT_ONCE)
    except GateFailed as error:
        return f"{error.message} -> {error.hint}"


@pytest.mark.parametrize("name", OUTCOMES)
def test_what_an_order_or_a_write_came_to(name: str) -> None:
    assert outcome_of(recording(name).answer) is OUTCOMES[name]


def test_nothing_is_ordered_while_the_quorum_is_not_proven() -> None:
    for name in ("no quorum", "peer frozen for 1 s", "consensus stopped", "alone after a restart"):
        asks = _asks(GATE[name])

        with pytest.raises(GateFailed):
            prove(asks, PEERS, 3, AT_ONCE)

        assert {method for _, method, _ in asks.asked} == {"GET"}, name


@pytest.mark.parametrize(
    ("name", "proven"),
    [
        ("healthy", True),
        ("peer killed, 10 s ago", True),
        ("peer frozen for 5 s", True),
        ("no quorum", False),
        ("no quorum, later", False),
        ("consensus stopped", True),
        ("alone after a restart", False),
        ("leader cut off, seen by the others", True),
    ],
)
def test_the_quorum_is_what_more_than_half_of_the_listed_peers_follow(
    name: str, proven: bool
) -> None:
    assert (not against_quorum(look(_asks(GATE[name]), PEERS))) is proven


def test_a_leader_that_reaches_nobody_proves_no_quorum() -> None:
    asks = Recorded(("leader-cut-cluster-from-old-leader",))

    assert against_quorum(look(asks, PEERS))


def test_a_peer_alone_is_a_cluster_with_nothing_to_spare() -> None:
    shown = prove(Recorded(peers=PEERS[:1], factor=1), PEERS[:1], 1, AT_ONCE)

    assert shown.startswith("one peer of 1.18.3, none to spare")


def test_the_gate_looks_again_until_the_cluster_is_whole() -> None:
    class Returning(Recorded):
        """A peer that answers from the third look on."""

        def ask(self, *args: object, **more: object) -> object:  # type: ignore[override]
            looks = sum(asked == ("node1", "GET", "/cluster") for asked in self.asked)
            self.silent = {"node3": DEAD} if looks < 3 else {}
            return super().ask(*args, **more)  # type: ignore[arg-type]

    asks = Returning()

    assert "3 peers" in prove(asks, PEERS, 3, Patience(total=60.0, pause=0.01))
    looks = sum(asked == ("node1", "GET", "/cluster") for asked in asks.asked)
    assert looks >= 6, "one agreement is none: three times in a row"


def test_what_waiting_does_not_mend_ends_it_at_once() -> None:
    asks = _asks(GATE["second cluster"])

    with pytest.raises(GateFailed, match="another cluster, or it lost its storage"):
        prove(asks, PEERS, 3, Patience(total=3600.0, pause=3600.0))


def test_the_probing_points_are_the_gates_own() -> None:
    asks = Recorded()

    prove(asks, PEERS, 3, AT_ONCE)

    written = {path for _, method, path in asks.asked if method in ("PUT", "DELETE")}
    assert all(path.startswith(f"/collections/{PROBE}") for path in written)
    deleted = {path for _, method, path in asks.asked if path.endswith("delete?wait=true")}
    assert deleted == {"/collections/coding/points/delete?wait=true"}
