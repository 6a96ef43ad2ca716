"""The union of candidates: each once, with a score by every signal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.memory.model import SIGNALS
from sophia_cli.tiers.vectors.union import united


@dataclass(frozen=True)
class Point:
    id: str
    score: float


def _best(scores: dict[str, float], limit: int) -> list[Point]:
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return [Point(*item) for item in ranked[:limit]]


def of(cosines: dict[str, float]) -> Callable[[Sequence[str]], list[Point]]:
    """Asks these cosines; an id that has none is gone."""
    return lambda ids: [Point(id_, cosines[id_]) for id_ in ids if id_ in cosines]


def test_a_short_list_holds_all_that_has_anything_in_common() -> None:
    both = [Point("a", 1.0), Point("b", 0.5)]
    ids, scores = united([both, [Point("a", 3.0)]], of({"a": 0.75, "b": 0.25}), limit=10)
    assert ids == ["a", "b"]
    assert scores.tolist() == [[0.75, 1.0, 3.0], [0.25, 0.5, 0.0]]


def test_what_a_full_list_left_out_scores_as_its_last() -> None:
    ids, scores = united([[Point("a", 0.5)], [Point("b", 2.0)]], of({"a": 1.0, "b": 0.1}), limit=1)
    assert ids == ["a", "b"]
    np.testing.assert_allclose(scores, [[1.0, 0.5, 2.0], [0.1, 0.5, 2.0]])


def test_the_cosine_of_what_is_gone_is_nothing() -> None:
    _, scores = united([[Point("a", 0.5)], []], of({}), limit=1)
    assert scores.tolist() == [[0.0, 0.5, 0.0]]


def test_with_nothing_brought_nothing_is_asked() -> None:
    def own(ids: Sequence[str]) -> list[Point]:
        raise AssertionError(ids)

    ids, scores = united([[], []], own, limit=1)
    assert (ids, scores.shape) == ([], (0, len(SIGNALS)))


scores = st.dictionaries(st.sampled_from("abcdefghijkl"), st.sampled_from([0.25, 0.5, 0.75, 1.0]))


@given(truth=st.tuples(scores, scores, scores), limit=st.integers(1, 6))
def test_no_candidate_scores_less_than_the_truth(
    truth: tuple[dict[str, float], ...], limit: int
) -> None:
    brought = [_best(each, limit) for each in truth[1:]]
    ids, found = united(brought, of(truth[0]), limit)
    assert sorted(ids) == sorted({hit.id for hits in brought for hit in hits})
    for row, id_ in enumerate(ids):
        for column in range(len(SIGNALS)):
            true = truth[column].get(id_, 0.0)
            if column == 0 or id_ in {hit.id for hit in brought[column - 1]}:
                assert found[row, column] == true
            else:
                assert found[row, column] >= true
