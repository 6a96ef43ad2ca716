"""What `Vectors` promises, whoever keeps the promise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from sophia_cli.memory.model import FACTS, SIGNALS, Candidates, Kind, Where
from sophia_cli.memory.ports import Vectors
from sophia_cli.memory.shape import Shape

from .entries import DIMENSION, entry, matrix, memory, numbered, unit

ANY = Where()
CODING = Kind.CODING


def _texts(vectors: Vectors, *texts: str) -> None:
    vectors.upsert(CODING, [entry(number, text) for number, text in enumerate(texts)])


def _column(found: Candidates, signal: str) -> dict[int, float]:
    """The scores of a signal by the entry's number, those above 0."""
    column = found.scores[:, SIGNALS.index(signal)]
    scores = zip(found.ids, column.tolist(), strict=True)
    return {id_.int & 0xFFFF_FFFF: score for id_, score in scores if score > 0}


def test_an_empty_collection_has_nothing(vectors: Vectors) -> None:
    found = vectors.candidates(CODING, unit(1), "anything", ANY, 10)
    assert found.ids == []
    assert found.scores.shape == (0, len(SIGNALS))
    assert found.population == 0
    assert vectors.nearest(CODING, unit(1), ANY, 10) == []
    assert vectors.count(CODING) == 0
    assert list(vectors.ids(CODING)) == []
    assert vectors.present(CODING, [numbered(1)]) == set()


def test_nearest_is_what_numpy_finds(vectors: Vectors) -> None:
    entries = [entry(number) for number in range(500)]
    vectors.upsert(CODING, entries)
    query = unit(999_999)
    cosine = matrix(entries) @ query
    best = np.argsort(-cosine)[:10]
    found = vectors.nearest(CODING, query, ANY, 10)
    assert [id_ for id_, _ in found] == [numbered(int(number)) for number in best]
    np.testing.assert_allclose([score for _, score in found], cosine[best], atol=1e-5)


def test_every_candidate_has_a_score_by_every_signal(vectors: Vectors) -> None:
    words = ["alpha", "beta", "gamma", "delta"]
    entries = [entry(number, f"{words[number % 4]} number{number}") for number in range(300)]
    vectors.upsert(CODING, entries)
    query = unit(999_999)
    found = vectors.candidates(CODING, query, "alpha", ANY, 20)
    numbers = [id_.int & 0xFFFF_FFFF for id_ in found.ids]
    assert len(set(numbers)) == len(numbers)
    own = matrix(entries, "dense") @ query
    dense = found.scores[:, SIGNALS.index("dense")]
    np.testing.assert_allclose(dense, own[numbers], atol=1e-5)
    cosine = matrix(entries, "context") @ query
    assert set(np.argsort(-cosine)[:20].tolist()) <= set(numbers)
    column = found.scores[:, SIGNALS.index("context")]
    lowest = np.sort(cosine)[-20]
    np.testing.assert_allclose(column, np.maximum(cosine[numbers], lowest), atol=1e-5)
    brought = {number for number in numbers if number % 4 == 0}
    assert len(brought) >= 20
    column = found.scores[:, SIGNALS.index("bm25_context")]
    with_the_word = [number in brought for number in numbers]
    assert column[with_the_word].min() >= column.min() > 0
    assert found.scores.dtype == np.float32
    assert found.population == 300


def test_equal_memories_get_equal_scores_wherever_the_limit_cuts(vectors: Vectors) -> None:
    same = {"dense": unit(1), "context": unit(2), "text": "twin words"}
    twins = [entry(number, **same) for number in range(50)]
    others = [entry(number, "other words") for number in range(100, 130)]
    vectors.upsert(CODING, [*twins, *others])
    found = vectors.candidates(CODING, unit(1), "other words", ANY, 10)
    dense = _column(found, "dense")
    alike = [score for number, score in dense.items() if number < 50]
    assert len(alike) >= 10
    np.testing.assert_allclose(alike, 1.0, atol=1e-5)
    assert len(_column(found, "bm25_context")) == len(found.ids)


def test_bm25_ranks_the_rare_word_first(vectors: Vectors) -> None:
    common = [f"the deploy pipeline failed on step {number}" for number in range(40)]
    _texts(vectors, *common, "the deploy pipeline failed on the zeppelin")
    found = vectors.candidates(CODING, unit(1), "zeppelin pipeline", ANY, 100)
    scores = _column(found, "bm25_context")
    assert max(scores, key=lambda number: scores[number]) == 40
    assert len(scores) == 41


def test_stemming_case_and_accents_do_not_hide_a_word(vectors: Vectors) -> None:
    _texts(vectors, "Deploying the CAFÉ", "nothing of interest")
    found = vectors.candidates(CODING, unit(1), "deployed cafe", ANY, 10)
    assert set(_column(found, "bm25_context")) == {0}


def test_the_neighbours_words_are_a_signal_of_their_own(vectors: Vectors) -> None:
    turns = [
        entry(1, "yes", around={-1: "shall we shard?"}),
        entry(2, "no", around={-2: "shall we shard?"}),
        entry(3, "we shard"),
    ]
    vectors.upsert(CODING, turns)
    found = vectors.candidates(CODING, unit(1), "shard", ANY, 10)
    nearer_first = _column(found, "bm25_context")
    assert sorted(nearer_first, key=lambda number: -nearer_first[number]) == [3, 1, 2]


def test_a_word_in_many_turns_around_counts_little_more_than_in_one(vectors: Vectors) -> None:
    once = entry(1, "the shard", around={-1: "hello", 1: "goodbye"})
    often = entry(2, "the shard", around=dict.fromkeys((-2, -1, 1, 2), "shard"))
    vectors.upsert(CODING, [once, often])
    scores = _column(vectors.candidates(CODING, unit(1), "shard", ANY, 10), "bm25_context")
    assert scores[1] < scores[2] < 1.3 * scores[1]


@pytest.mark.parametrize("text", ["", "   ", "the of and", "?!", "\u200b", "\ud800"])
def test_a_query_without_words_is_answered_by_meaning(vectors: Vectors, text: str) -> None:
    _texts(vectors, "one thing", "another thing")
    found = vectors.candidates(CODING, unit(0), text, ANY, 10)
    assert found.ids[0] == numbered(0)
    assert _column(found, "bm25_context") == {}


def test_text_without_words_can_be_stored(vectors: Vectors) -> None:
    vectors.upsert(
        CODING, [entry(1, "the"), entry(2, text=" ", around={1: ""}), entry(3, "\udcff")]
    )
    assert vectors.count(CODING) == 3


@pytest.mark.parametrize("text", ["記憶 を 検索", "Größe", "поиск памяти", "naïve 🧠 idea", "a\0b"])
def test_unicode_text_is_found_by_its_own_words(vectors: Vectors, text: str) -> None:
    _texts(vectors, text, "something else")
    found = vectors.candidates(CODING, unit(5), text, ANY, 10)
    assert set(_column(found, "bm25_context")) == {0}


def _facts(found: Candidates) -> dict[int, dict[str, Any]]:
    """What is known of each candidate, by its number; the speaker by name."""
    known = {}
    for id_, row in zip(found.ids, found.facts, strict=True):
        facts = {name: row[name].item() for name in FACTS.names}
        speaker = facts["speaker"]
        facts["speaker"] = found.speakers[speaker] if speaker >= 0 else None
        known[id_.int & 0xFFFF_FFFF] = facts
    return known


def test_facts_come_with_the_candidates(vectors: Vectors) -> None:
    shape = Shape(asks=1, words=300, times=2, numbers=3, names=4, first=5)
    vectors.upsert(
        CODING,
        [
            entry(1, session="s1", turn=0, speaker="Ana", at=1_700_000_000.5, shape=shape),
            entry(2, session="s1", turn=1, speaker="Bo"),
            entry(3),
        ],
    )
    for _ in range(2):  # the second time from what was kept
        facts = _facts(vectors.candidates(CODING, unit(1), "", ANY, 10))
        assert {name: facts[1][name] for name in Shape._fields} == shape._asdict()
        assert (facts[1]["turn"], facts[1]["speaker"], facts[1]["at"]) == (
            0,
            "Ana",
            1_700_000_000.5,
        )
        assert (facts[2]["turn"], facts[2]["speaker"]) == (1, "Bo")
        assert facts[1]["thread"] == facts[2]["thread"] >= 0
        assert (facts[3]["thread"], facts[3]["turn"], facts[3]["speaker"]) == (-1, -1, None)


def test_sessions_of_two_users_are_two_threads(vectors: Vectors) -> None:
    named = [entry(n, session="standup", turn=0, user=user) for n, user in enumerate("ab")]
    vectors.upsert(CODING, named)
    facts = _facts(vectors.candidates(CODING, unit(1), "", ANY, 10))
    assert facts[0]["thread"] != facts[1]["thread"]


def test_an_entry_is_updated_in_place(vectors: Vectors) -> None:
    vectors.upsert(CODING, [entry(1, "old words", session="before", turn=3, user="ana")])
    vectors.candidates(CODING, unit(1), "old", ANY, 10)
    vectors.upsert(CODING, [entry(1, "new things", session="after", turn=4, dense=unit(77))])
    assert vectors.count(CODING) == 1
    found = vectors.candidates(CODING, unit(77), "old", ANY, 10)
    assert found.facts["turn"].tolist() == [4]
    assert found.scores[0, 0] == pytest.approx(1.0, abs=1e-5)
    assert _column(found, "bm25_context") == {}
    assert vectors.nearest(CODING, unit(77), Where(user="ana"), 10) == []


def test_repeating_a_write_changes_nothing(vectors: Vectors) -> None:
    for _ in range(3):
        _texts(vectors, "one", "two")
    assert vectors.count(CODING) == 2
    assert vectors.candidates(CODING, unit(1), "one", ANY, 10).population == 2


def test_what_was_deleted_is_not_there(vectors: Vectors) -> None:
    _texts(vectors, "keep this", "drop this")
    vectors.candidates(CODING, unit(1), "drop", ANY, 10)
    vectors.delete(CODING, [numbered(1), numbered(12345)])
    vectors.delete(CODING, [])
    assert vectors.present(CODING, [numbered(0), numbered(1)]) == {numbered(0)}
    assert vectors.count(CODING) == 1
    found = vectors.candidates(CODING, unit(1), "drop this", ANY, 10)
    assert found.ids == [numbered(0)]
    assert found.population == 1


def test_the_kinds_are_kept_apart(vectors: Vectors) -> None:
    vectors.upsert(CODING, [entry(1)])
    vectors.upsert(Kind.BUSINESS, [entry(2, kind=Kind.BUSINESS)])
    assert list(vectors.ids(CODING)) == [numbered(1)]
    assert list(vectors.ids(Kind.BUSINESS)) == [numbered(2)]
    vectors.reset(CODING, DIMENSION)
    assert vectors.count(CODING) == 0
    assert vectors.count(Kind.BUSINESS) == 1


def test_all_ids_come_once_over_many_pages(vectors: Vectors) -> None:
    entries = [entry(number) for number in range(2500)]
    vectors.upsert(CODING, entries)
    ids = list(vectors.ids(CODING))
    assert len(ids) == 2500
    assert set(ids) == {one.id for one in entries}
    assert vectors.present(CODING, ids) == set(ids)


def test_a_collection_that_was_reset_takes_writes(vectors: Vectors) -> None:
    _texts(vectors, "before")
    vectors.reset(CODING, DIMENSION)
    assert vectors.present(CODING, [numbered(0)]) == set()
    vectors.upsert(CODING, [entry(5, "after", session="s", turn=1)])
    found = vectors.candidates(CODING, unit(5), "after", ANY, 10)
    assert (found.ids, found.facts["turn"].tolist()) == ([numbered(5)], [1])
    assert found.population == 1


NOON = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Where(), {0, 1, 2, 3}),
        (Where(user="ana"), {0, 1}),
        (Where(agent="bot"), {0, 2}),
        (Where(session="s1"), {1, 3}),
        (Where(user="ana", agent="bot"), {0}),
        (Where(tags={"lang": "py"}), {0, 1}),
        (Where(tags={"lang": "py", "area": "db"}), {1}),
        (Where(since=NOON + timedelta(hours=1)), {1, 2, 3}),
        (Where(until=NOON + timedelta(hours=2)), {0, 1}),
        (Where(since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=2)), {1}),
        (Where(user="ana", tags={"lang": "go"}), set()),
        (Where(user="nobody"), set()),
        (Where(user=""), set()),
    ],
)
def test_filters_hold_for_every_signal(vectors: Vectors, where: Where, expected: set[int]) -> None:
    at = NOON.timestamp()
    word = "common"
    vectors.upsert(
        CODING,
        [
            entry(0, word, user="ana", agent="bot", at=at, tags=("lang=py",)),
            entry(1, word, user="ana", session="s1", at=at + 3600, tags=("lang=py", "area=db")),
            entry(2, word, user="bo", agent="bot", at=at + 7200, tags=("lang=go",)),
            entry(3, word, user="bo", session="s1", at=at + 10800),
        ],
    )
    found = vectors.candidates(CODING, unit(50), word, where, 10)
    assert {id_.int & 0xFFFF for id_ in found.ids} == expected
    assert set(_column(found, "bm25_context")) == expected
    assert {id_.int & 0xFFFF for id_, _ in vectors.nearest(CODING, unit(50), where, 10)} == expected
    assert found.population == 4


def test_a_filter_holds_where_one_signal_brings_more_than_it_lets_through(
    vectors: Vectors,
) -> None:
    """A second question about the union must not let anything else in."""
    vectors.upsert(
        CODING,
        [entry(n, "shared word", user="ana" if n % 3 else "bo") for n in range(200)],
    )
    found = vectors.candidates(CODING, unit(999), "shared", Where(user="bo"), 15)
    numbers = {id_.int & 0xFFFF for id_ in found.ids}
    assert numbers and all(number % 3 == 0 for number in numbers)
    assert set(_column(found, "bm25_context")) == numbers


@pytest.mark.parametrize(
    "vector",
    [
        np.full(DIMENSION, np.nan, np.float32),
        np.full(DIMENSION, np.inf, np.float32),
        np.zeros(DIMENSION + 1, np.float32),
    ],
)
def test_a_vector_that_cannot_be_compared_is_never_written(
    vectors: Vectors, vector: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r"not finite|shape"):
        vectors.upsert(CODING, [entry(1), entry(2, context=vector)])
    with pytest.raises(ValueError, match=r"not finite|shape"):
        vectors.candidates(CODING, vector, "x", ANY, 5)
    with pytest.raises(ValueError, match=r"not finite|shape"):
        vectors.nearest(CODING, vector, ANY, 5)
    assert vectors.count(CODING) == 0


def test_memories_come_back_as_they_were_indexed(vectors: Vectors) -> None:
    whole = memory(
        1,
        'Größe: "zählt" 🧠\n\x00…',
        user="ana",
        session="s",
        turn=3,
        speaker="Ana",
        tags={"k": "v"},
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    )
    vectors.upsert(CODING, [entry(1, memory=whole), entry(2)])
    found = vectors.memories(CODING, [numbered(1), numbered(2), numbered(3)])
    assert found == {numbered(1): whole, numbered(2): memory(2, "entry 2")}
    assert vectors.memories(CODING, []) == {}
    changed = memory(1, "changed", version=2)
    vectors.upsert(CODING, [entry(1, memory=changed)])
    assert vectors.memories(CODING, [numbered(1)]) == {numbered(1): changed}
    vectors.delete(CODING, [numbered(1)])
    assert vectors.memories(CODING, [numbered(1)]) == {}
