"""The union of candidates: each once, with a score by every signal."""

from __future__ import annotations

from dataclasses import dataclass

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


def test_a_short_list_holds_all_that_has_anything_in_common() -> None:
    both = [Point("a", 1.0), Point("b", 0.5)]
    ids, scores = united([both, both, [Point("a", 3.0)], []], limit=10)
    assert ids == ["a", "b"]
    assert scores.tolist() == [[1.0, 1.0, 3.0, 0.0], [0.5, 0.5, 0.0, 0.0]]


def test_what_a_full_list_left_out_scores_as_its_last() -> None:
    lists = [[Point("a", 1.0)], [Point("b", 0.5)], [Point("c", 2.0)], []]
    ids, scores = united(lists, limit=1)
    assert ids == ["a", "b", "c"]
    assert scores.tolist() == [[1.0, 0.5, 2.0, 0.0]] * 3


scores = st.dictionaries(st.sampled_from("abcdefghijkl"), st.sampled_from([0.25, 0.5, 0.75, 1.0]))


@given(truth=st.tuples(scores, scores, scores, scores), limit=st.integers(1, 6))
def test_no_candidate_scores_less_than_the_truth(
    truth: tuple[dict[str, float], ...], limit: int
) -> None:
    brought = [_best(each, limit) for each in truth]
    ids, found = united(brought, limit)
    assert sorted(ids) == sorted({hit.id for hits in brought for hit in hits})
    for row, id_ in enumerate(ids):
        for column in range(len(SIGNALS)):
            true = truth[column].get(id_, 0.0)
            if id_ in {hit.id for hit in brought[column]}:
                assert found[row, column] == true
            else:
                assert found[row, column] >= true
