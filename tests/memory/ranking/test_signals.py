"""What speaks for a candidate: each signal on its own, and what is missing does no harm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from sophia_cli.memory.model import Candidates, Kind
from sophia_cli.memory.ranking.pool import Pool, centred, standardised
from sophia_cli.memory.ranking.rank import signals_of
from sophia_cli.memory.ranking.signals import NAMES, signals_in
from sophia_cli.memory.understanding.dates import Span
from sophia_cli.memory.understanding.question import Understanding, Wanted

from .candidates import NOON, One, candidates

NOTHING = Understanding()


def _column(
    name: str,
    found: Candidates | Sequence[tuple[Kind, Candidates]],
    said: Understanding = NOTHING,
    spans: Sequence[Span] = (),
) -> list[float]:
    brought = [(Kind.CODING, found)] if isinstance(found, Candidates) else found
    columns = signals_in(Pool.of(brought), said, spans)
    return columns[:, NAMES.index(name)].tolist()


def _centred(*values: float) -> object:
    column = np.array(values, np.float32)[:, None]
    return pytest.approx(centred(column)[:, 0].tolist(), abs=1e-5)


def _standardised(*values: float) -> object:
    column = np.array(values, np.float32)[:, None]
    return pytest.approx(standardised(column)[:, 0].tolist(), abs=1e-5)


def test_the_speaker_who_is_named_stands_out() -> None:
    found = candidates(
        One(1, speaker="Ann Lee"), One(2, speaker="Bo"), One(3, speaker="Cy"), One(4, speaker="Ann")
    )
    assert _column("speaker", found, Understanding(people=["ann"])) == _centred(1, 0, 0, 1)
    assert _column("speaker", found, Understanding(people=["ann", "bo"])) == _centred(1, 1, 0, 1)
    assert _column("speaker", found) == [0, 0, 0, 0]


def test_a_note_without_a_speaker_is_neither_for_nor_against() -> None:
    found = candidates(One(1, speaker="Ann"), One(2, speaker="Bo"), One(3))
    assert _column("speaker", found, Understanding(people=["ann"])) == [0.5, -0.5, 0]


def test_a_note_without_a_session_is_neither_for_nor_against() -> None:
    found = candidates(One(1, dense=0.9, thread=1, turn=0), One(2, thread=2, turn=0), One(3))
    first, second, none = _column("session", found)
    assert first > none > second
    assert none == pytest.approx(0, abs=1e-5)


def test_a_date_is_near_within_its_span_and_falls_outside_faster_before_than_after() -> None:
    day = timedelta(days=1)
    span = Span("that week", NOON, NOON + 8 * day)
    offsets = [-4, -1, 0, 7, 9, 12, 300]
    found = candidates(*(One(n, at=NOON + offset * day) for n, offset in enumerate(offsets)))
    near = [2**-4, 2**-1, 1, 1, 2 ** -(1 / 2), 2 ** -(4 / 2), 0]
    assert _column("date", found, spans=[span]) == _centred(*near)


def test_an_open_span_reaches_on() -> None:
    days = (-400, -1, 1, 400)
    found = candidates(*(One(n, at=NOON + timedelta(days=day)) for n, day in enumerate(days)))
    since = _column("date", found, spans=[Span("since", NOON, None)])
    until = _column("date", found, spans=[Span("until", None, NOON)])
    assert since[2] == since[3] == max(since) > since[1] > since[0]
    assert until[0] == until[1] == max(until) > until[2] > until[3]


def test_a_span_of_every_year_is_near_in_each_of_them() -> None:
    start = NOON.replace(month=5, day=1, hour=0)
    may = Span("in May", start, start + timedelta(days=31), yearly=True)
    moments = [NOON.replace(year=year, month=5, day=10) for year in (2019, 2023, 2026, 2030)]
    found = candidates(*(One(n, at=at) for n, at in enumerate([*moments, NOON])))
    assert _column("date", found, spans=[may]) == _centred(1, 1, 1, 1, 0)


def test_the_closest_of_several_dates_counts() -> None:
    spans = [Span("a", NOON, NOON + timedelta(days=1)), Span("b", NOON - timedelta(days=99), NOON)]
    found = candidates(
        One(1), One(2, at=NOON - timedelta(days=50)), One(3, at=NOON - timedelta(days=999))
    )
    assert _column("date", found, spans=spans) == _centred(1, 1, 0)


def test_a_turn_after_a_fitting_question_may_answer_it() -> None:
    found = candidates(
        One(1, bm25_context=5, thread=7, turn=3, asks=True),
        One(2, bm25_context=1, thread=7, turn=4),
        One(3, thread=7, turn=9),
        One(4, thread=8, turn=4),
        One(5),
    )
    answers, before = _column("answers", found), _column("before", found)
    assert answers[1] == max(answers) > 0
    assert answers[0] == answers[2] == answers[3] == answers[4]
    assert before[1] == max(before)
    assert before[0] == before[2] == before[3] == min(before)
    assert before[4] == pytest.approx(0, abs=1e-5)


def test_the_best_of_a_session_speaks_for_all_of_it() -> None:
    found = candidates(
        One(1, dense=0.9, thread=1),
        One(2, dense=0.1, thread=1),
        One(3, dense=0.5, thread=2),
    )
    assert _column("session", found) == _standardised(0.9, 0.9, 0.5)


def test_threads_of_two_collections_are_not_mixed_up() -> None:
    one = (Kind.CODING, candidates(One(1, dense=0.9, thread=0, turn=0)))
    other = (Kind.BUSINESS, candidates(One(2, dense=0.1, thread=0, turn=1)))
    assert _column("session", [one, other]) == _standardised(0.9, 0.1)
    assert _column("before", [one, other]) == [0, 0]


@pytest.mark.parametrize(
    ("signal", "wanted", "fact"),
    [
        ("when", Wanted.WHEN, "times"),
        ("how_many", Wanted.HOW_MANY, "numbers"),
        ("where", Wanted.WHERE, "names"),
        ("where", Wanted.WHO, "names"),
    ],
)
def test_what_is_wanted_is_looked_for(signal: str, wanted: Wanted, fact: str) -> None:
    found = candidates(One(1, **{fact: 3}), One(2))
    assert _column(signal, found, Understanding(wanted=frozenset({wanted}))) == [0.5, -0.5]
    assert _column(signal, found) == [0, 0]


def test_the_kind_a_question_speaks_of_is_preferred() -> None:
    brought = [(Kind.CODING, candidates(One(1))), (Kind.BUSINESS, candidates(One(2)))]
    assert _column("kind", brought, Understanding(kind=Kind.BUSINESS)) == [-0.5, 0.5]
    assert _column("kind", brought) == [0, 0]


def test_signals_without_facts_count_for_nothing() -> None:
    notes = candidates(*(One(n, dense=n / 10, bm25_context=n) for n in range(5)))
    said = Understanding(people=["ann"], wanted=frozenset(Wanted))
    span = Span("x", NOON - timedelta(days=900), NOON - timedelta(days=899))
    _, signals = signals_of([(Kind.CODING, notes)], said, [span])
    for name in ("speaker", "date", "answers", "when", "kind", "before"):
        assert not signals[:, NAMES.index(name)].any(), name
    assert signals[:, NAMES.index("dense")].any()


def test_bm25_of_a_large_and_a_small_collection_are_made_comparable() -> None:
    """A word that stands in one memory only says the same wherever it is."""
    small = candidates(One(1, bm25_context=float(np.log(1 + 10.5 / 1.5))), population=10)
    large = candidates(One(2, bm25_context=float(np.log(1 + 100_000.5 / 1.5))), population=100_000)
    pool = Pool.of([(Kind.CODING, small), (Kind.BUSINESS, large)])
    assert pool.scores[0] == pytest.approx(pool.scores[1])


def test_nothing_found_is_no_fault() -> None:
    ids, signals = signals_of([(Kind.CODING, candidates())], NOTHING, [])
    assert list(ids) == []
    assert signals.shape == (0, len(NAMES))
