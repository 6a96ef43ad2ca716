"""The union of candidates: which signals are asked again, and what is read of their answers."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.memory.model import SIGNALS
from sophia_cli.tiers.vectors.union import ScoredUnion


@dataclass(frozen=True)
class Point:
    id: str
    score: float


def _best(scores: dict[str, float], limit: int) -> list[Point]:
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return [Point(*item) for item in ranked[:limit]]


def test_signals_that_scored_all_are_not_asked_again() -> None:
    everything = [Point("a", 1.0), Point("b", 0.5)]
    union = ScoredUnion([everything, everything, [Point("a", 3.0)], []], limit=10)
    assert union.incomplete == ()
    assert union.scores.tolist() == [[1.0, 1.0, 3.0, 0.0], [0.5, 0.5, 0.0, 0.0]]


def test_a_full_list_of_words_may_have_left_some_out() -> None:
    union = ScoredUnion([[Point("a", 1.0)], [Point("b", 1.0)], [Point("c", 2.0)], []], limit=1)
    assert union.incomplete == ("dense", "context", "bm25")


scores = st.dictionaries(
    st.sampled_from("abcdefghijkl"), st.sampled_from([0.25, 0.5, 0.5, 0.75, 1.0]), min_size=0
)


@given(words=st.tuples(scores, scores), limit=st.integers(1, 6), data=st.data())
def test_every_candidate_ends_with_every_score(
    words: tuple[dict[str, float], dict[str, float]], limit: int, data: st.DataObject
) -> None:
    """Also where scores are equal and the second answer is in another order."""
    letters = "abcdefghijkl"
    values = st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=12, max_size=12)
    dense = dict(zip(letters, data.draw(values), strict=True))
    context = dict(zip(letters, data.draw(values), strict=True))
    truth = dict(zip(SIGNALS, (dense, context, *words), strict=True))
    union = ScoredUnion([_best(truth[signal], limit) for signal in SIGNALS], limit)
    for signal in union.incomplete:
        among = {id_: truth[signal][id_] for id_ in union.ids if id_ in truth[signal]}
        shuffled = dict(data.draw(st.permutations(list(among.items()))))
        union.score(signal, _best(shuffled, len(union.ids)))
    for row, id_ in enumerate(union.ids):
        expected = [truth[signal].get(id_, 0.0) for signal in SIGNALS]
        assert [round(value, 6) for value in union.scores[row].tolist()] == expected
