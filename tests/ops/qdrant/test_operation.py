"""An operation of the consensus is sent once; what timed out is looked up."""

from __future__ import annotations

import pytest

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.qdrant.asks import Answer, Silence
from sophia_cli.ops.qdrant.operation import Outcome, carry_out, outcome_of
from tests.ops.qdrant.recorded import recording

TIMED_OUT = recording("timed-out-create").answer


class Cluster:
    """Counts what is sent; the operation is done from the n-th look on."""

    def __init__(self, answer: Answer | Silence, after: int) -> None:
        self.answer = answer
        self.after = after
        self.sent = self.looks = 0

    def send(self) -> Answer | Silence:
        self.sent += 1
        return self.answer

    def done(self) -> bool:
        self.looks += 1
        return self.looks > self.after


@pytest.mark.parametrize("answer", [TIMED_OUT, Silence("no answer within 35 s")])
def test_what_timed_out_is_looked_up_and_not_sent_again(answer: Answer | Silence) -> None:
    cluster = Cluster(answer, after=2)

    carry_out("create it", cluster.send, cluster.done, patience=60.0)

    assert (cluster.sent, cluster.looks) == (1, 3)


def test_what_is_not_done_in_time_may_be_done_later_and_nothing_else_is_sent() -> None:
    cluster = Cluster(TIMED_OUT, after=10**9)

    with pytest.raises(GateFailed, match="Waiting for consensus operation commit failed") as error:
        carry_out("create it", cluster.send, cluster.done, patience=0.0)

    assert cluster.sent == 1
    assert "it may be done later" in error.value.hint


def test_what_was_acknowledged_is_still_looked_at() -> None:
    cluster = Cluster(recording("create").answer, after=1)

    carry_out("create it", cluster.send, cluster.done, patience=60.0)

    assert cluster.looks == 2


def test_what_was_refused_is_said_with_the_servers_words() -> None:
    cluster = Cluster(recording("remove-peer-with-shards").answer, after=10**9)

    with pytest.raises(GateFailed, match="Cannot remove peer 1309113380371693 as there are shards"):
        carry_out("remove it", cluster.send, cluster.done, patience=60.0)

    assert cluster.looks == 1


def test_an_order_that_nobody_was_there_to_take_is_refused() -> None:
    assert outcome_of(Silence("Connection refused", nobody=True)) is Outcome.REFUSED
    assert outcome_of(Silence("the connection was lost")) is Outcome.UNKNOWN
