"""The order of candidates, and the weights it comes from."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.memory.model import KINDS, Kind
from sophia_cli.memory.ranking import NAMES, Weights, rank, shipped
from sophia_cli.memory.ranking.weights import checked
from sophia_cli.memory.understanding.question import Understanding

from .candidates import One, candidates

NOTHING = Understanding()


def test_parts_sum_to_the_score_and_the_best_comes_first() -> None:
    found = candidates(*(One(n, dense=n % 3, bm25_context=n % 5, names=n) for n in range(20)))
    ranked = rank([(Kind.CODING, found)], NOTHING, [], shipped())
    assert ranked.parts.shape == (20, len(NAMES))
    np.testing.assert_allclose(ranked.parts.sum(axis=1), ranked.scores, atol=1e-5)
    assert (np.diff(ranked.scores) <= 0).all()
    assert sorted(id_.int for id_ in ranked.ids) == list(range(20))


def test_a_weight_decides() -> None:
    found = candidates(One(1, dense=1.0), One(2, bm25_context=1.0))
    by_meaning = rank([(Kind.CODING, found)], NOTHING, [], Weights("a", {"dense": 1.0}))
    by_words = rank([(Kind.CODING, found)], NOTHING, [], Weights("b", {"bm25_context": 1.0}))
    assert by_meaning.ids[0] == UUID(int=1)
    assert by_words.ids[0] == UUID(int=2)


ones = st.builds(
    One,
    number=st.integers(1, 10**6),
    dense=st.floats(-1, 1, width=16),
    context=st.floats(-1, 1, width=16),
    bm25_context=st.floats(0, 30, width=16),
    thread=st.integers(-1, 4),
    turn=st.integers(-1, 6),
    speaker=st.sampled_from([None, "Ann", "Bo"]),
    asks=st.booleans(),
    words=st.integers(0, 500),
    times=st.integers(0, 9),
)


@given(st.lists(ones, max_size=40, unique_by=lambda one: one.number), st.randoms())
def test_the_order_does_not_depend_on_who_came_first(found: list[One], chance: object) -> None:
    def scores(order: list[One]) -> dict[int, float]:
        half = len(order) // 2
        brought = [
            (kind, candidates(*part))
            for kind, part in zip(KINDS, (order[:half], order[half:]), strict=True)
        ]
        ranked = rank(brought, Understanding(people=["ann"]), [], shipped())
        assert np.isfinite(ranked.scores).all()
        return {id_.int: score for id_, score in zip(ranked.ids, ranked.scores, strict=True)}

    half = len(found) // 2
    first, second = found[:half], found[half:]
    before = scores(found)
    chance.shuffle(first)
    chance.shuffle(second)
    # Two turns of a thread with the same number: which is "the one before" is anybody's guess.
    places = [(one.thread, one.turn) for one in found if one.thread >= 0 and one.turn >= 0]
    if len(set(places)) == len(places):
        assert scores(first + second) == pytest.approx(before, abs=1e-3)


def test_the_shipped_weights_say_where_they_come_from() -> None:
    weights = shipped()
    assert {"fitted_on", "fitted_at", "left_one_out"} <= set(weights.provenance)
    assert set(weights.of) <= set(NAMES)
    assert weights.vector.dtype == np.float32


@pytest.mark.parametrize("of", [{"no_such_signal": 1.0}, {"dense": float("nan")}])
def test_weights_that_cannot_be_meant_are_refused(of: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weights mine"):
        checked("mine", of, {})


def test_weights_are_told_apart_by_what_they_weigh() -> None:
    assert (
        Weights("a", {"dense": 1.0}).digest
        == Weights("b", {"dense": 1.0, "bm25_context": 0.0}).digest
    )
    assert Weights("a", {"dense": 1.0}).digest != Weights("a", {"dense": 2.0}).digest
