"""A collection searched by codes: what it finds, what filters and writes do, what survives."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from sophia_cli.memory.model import SIGNALS, IndexEntry, Kind, Where
from sophia_cli.tiers.vectors import search, stored_facts
from sophia_cli.tiers.vectors.edge import EdgeVectors
from sophia_cli.tiers.vectors.facts import FactsTable

from .entries import entry, matrix, numbered, unit
from .processes import child

CODING = Kind.CODING
DIMENSION = 384
MANY = 4000
LIMIT = 50


@pytest.fixture(autouse=True)
def by_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a store be large from a hundred points on."""
    monkeypatch.setattr(search, "EXACT_UP_TO", 100)


def _of_sessions(count: int) -> NDArray[np.float32]:
    """Vectors around one direction a session of 20, as near each other as turns are."""
    random = np.random.default_rng(5)
    topics = random.standard_normal((count // 20 + 1, DIMENSION))
    rows = topics[np.arange(count) // 20] + 1.2 * random.standard_normal((count, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@cache
def _entries() -> list[IndexEntry]:
    dense = _of_sessions(MANY)
    return [
        entry(
            number,
            dense=dense[number],
            context=dense[number - 1],
            user=("ana", "bo", "chi")[number % 3],
            session=f"s{number // 20}",
            turn=number % 20,
            tags=("rare=yes",) if number % 400 == 0 else (),
        )
        for number in range(MANY)
    ]


@pytest.fixture
def large(tmp_path: Path) -> Iterator[EdgeVectors]:
    """An open store of `_entries`."""
    with closing(EdgeVectors(tmp_path / "vectors", DIMENSION)) as vectors:
        vectors.upsert(CODING, _entries())
        yield vectors


def _questions(count: int = 40) -> NDArray[np.float32]:
    asked = matrix(_entries())[:: MANY // count] + 0.03 * np.stack(
        [unit(number, DIMENSION) * np.sqrt(DIMENSION) for number in range(count)]
    )
    return np.asarray(asked / np.linalg.norm(asked, axis=1, keepdims=True), np.float32)


def _numbers(ids: object) -> set[int]:
    return {id_.int & 0xFFFF_FFFF for id_ in ids}  # type: ignore[attr-defined]


def test_the_candidates_hold_the_truly_nearest(large: EdgeVectors) -> None:
    """All of the first ten; of fifty, whose last are as far as what follows them, nearly all."""
    first, all_ = [], []
    for asked in _questions():
        found = _numbers(large.candidates(CODING, asked, "", Where(), LIMIT).ids)
        best = np.argsort(-(matrix(_entries(), "context") @ asked))[:LIMIT]
        first.append(len(found & set(best[:10].tolist())) / 10)
        all_.append(len(found & set(best.tolist())) / LIMIT)
    assert np.mean(first) >= 0.999
    assert np.mean(all_) >= 0.9


def test_the_scores_of_candidates_are_close_to_the_cosines(large: EdgeVectors) -> None:
    column = SIGNALS.index("dense")
    for asked in _questions(10):
        found = large.candidates(CODING, asked, "", Where(session="s7"), LIMIT)
        true = matrix(_entries())[[id_.int & 0xFFFF_FFFF for id_ in found.ids]] @ asked
        assert len(true) == 20
        np.testing.assert_allclose(found.scores[:, column], true, atol=0.02)


def test_the_nearest_come_in_their_true_order_with_their_true_cosines(large: EdgeVectors) -> None:
    for asked in _questions(10):
        cosine = matrix(_entries()) @ asked
        found = large.nearest(CODING, asked, Where(), 10)
        best = np.sort(cosine)[::-1][:10]
        np.testing.assert_allclose([score for _, score in found], best, atol=1e-5)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Where(user="bo"), lambda number: number % 3 == 1),
        (Where(session="s17"), lambda number: number // 20 == 17),
        (Where(tags={"rare": "yes"}), lambda number: number % 400 == 0),
        (Where(user="ana", tags={"rare": "yes"}), lambda number: number % 1200 == 0),
        (Where(user="nobody"), lambda _: False),
    ],
)
def test_filters_hold(large: EdgeVectors, where: Where, expected: Callable[[int], bool]) -> None:
    asked = _questions()[3]
    allowed = {number for number in range(MANY) if expected(number)}
    found = _numbers(large.candidates(CODING, asked, "entry", where, LIMIT).ids)
    assert found <= allowed
    assert len(found) >= min(LIMIT, len(allowed))
    near = _numbers(id_ for id_, _ in large.nearest(CODING, asked, where, LIMIT))
    assert near <= allowed
    assert len(near) == min(LIMIT, len(allowed))


def test_a_vector_that_was_changed_is_found_by_the_new_one_only(large: EdgeVectors) -> None:
    """Turns that arrive later change the context of those before them."""
    elsewhere = unit(999_999, DIMENSION)
    changed = replace(_entries()[7], dense=elsewhere, context=elsewhere, turn=3)
    large.upsert(CODING, [changed])
    found = large.candidates(CODING, elsewhere, "", Where(), 5)
    assert found.ids[0] == changed.id
    assert found.facts["turn"][0] == 3
    assert found.scores[0, :2] == pytest.approx(1.0, abs=0.02)
    before = large.candidates(CODING, _entries()[7].dense, "", Where(), 1)
    assert changed.id not in before.ids
    assert large.count(CODING) == MANY


def test_what_was_deleted_is_not_brought(large: EdgeVectors) -> None:
    gone = [one.id for one in _entries()[::2]]
    large.delete(CODING, gone)
    asked = _entries()[100].dense
    found = large.candidates(CODING, asked, "entry 100", Where(), LIMIT)
    assert not _numbers(found.ids) & _numbers(gone)
    assert found.population == MANY // 2


def test_a_store_that_grows_and_shrinks_past_the_bound_stays_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXACT_UP_TO", 300)
    asked = _questions()[0]
    with closing(EdgeVectors(tmp_path, DIMENSION)) as vectors:
        for count in (300, 301, 600):
            vectors.upsert(CODING, _entries()[:count])
            vectors.flush()
            best = int(np.argmax(matrix(_entries()[:count], "context") @ asked))
            found = vectors.candidates(CODING, asked, "", Where(), 5)
            assert numbered(best) in found.ids
        vectors.delete(CODING, [one.id for one in _entries()[300:600]])
        best = int(np.argmax(matrix(_entries()[:300]) @ asked))
        assert vectors.nearest(CODING, asked, Where(), 1)[0][0] == numbered(best)


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.7])
def test_every_acknowledged_point_is_found_by_its_code_after_a_kill(
    tmp_path: Path, moment: float
) -> None:
    written = child(
        tmp_path,
        """
        from tiers.vectors.test_scale import _entries
        for start in range(0, 3000, 50):
            vectors.upsert(Kind.CODING, _entries()[start : start + 50])
            vectors.upsert(Kind.CODING, _entries()[start // 2 : start // 2 + 20])
            vectors.delete(Kind.CODING, [_entries()[start].id])
            if start % 500 == 0:
                vectors.flush()
            print(start, flush=True)
        """,
        DIMENSION,
    )
    assert written.stdout is not None
    acknowledged = [int(written.stdout.readline())]
    time.sleep(moment)
    written.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in written.stdout if line.endswith("\n")]
    assert written.wait(30) in (0, -signal.SIGKILL)
    count = acknowledged[-1] + 50
    with closing(EdgeVectors(tmp_path, DIMENSION)) as vectors:
        missing = {
            one.id
            for one in _entries()[:count]
            if one.id
            not in vectors.candidates(CODING, one.dense, "", Where(session=one.session), LIMIT).ids
        }
        # Each was deleted again, unless a later round wrote it once more.
        assert missing <= {one.id for one in _entries()[:count:50]}
        for one in _entries()[1:count:37]:
            if one.id not in missing:
                [(id_, score), *_] = vectors.nearest(CODING, one.dense, Where(), 1)
                assert (id_, score) == (one.id, pytest.approx(1.0, abs=1e-5))


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("facts")]


def _table(vectors: EdgeVectors) -> FactsTable:
    return vectors._facts[CODING]


def test_facts_are_read_before_anyone_asks(large: EdgeVectors, tmp_path: Path) -> None:
    large.close()
    with closing(EdgeVectors(tmp_path / "vectors", DIMENSION, ahead=True)) as vectors:
        vectors.upsert(CODING, [replace(_entries()[-1], turn=77)])
        _until(lambda: not _table(vectors).missing([one.id for one in _entries()]))
        assert _table(vectors).of([numbered(25), numbered(MANY - 1)])["turn"].tolist() == [5, 77]


def test_reading_facts_ahead_ends_with_the_store(
    large: EdgeVectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_facts, "AHEAD", 2)
    large.close()
    vectors = EdgeVectors(tmp_path / "vectors", DIMENSION, ahead=True)
    vectors.count(CODING)
    assert _readers()
    vectors.close()
    _until(lambda: not _readers())


def test_reading_facts_ahead_ends_when_the_collection_is_dropped(
    large: EdgeVectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_facts, "AHEAD", 2)
    large.close()
    with closing(EdgeVectors(tmp_path / "vectors", DIMENSION, ahead=True)) as vectors:
        vectors.count(CODING)
        vectors.reset(CODING, DIMENSION)
        _until(lambda: not _readers())
        assert _table(vectors).missing([numbered(0)]) == [numbered(0)]


def test_a_process_that_ends_soon_reads_no_facts_ahead(large: EdgeVectors, tmp_path: Path) -> None:
    large.close()
    with closing(EdgeVectors(tmp_path / "vectors", DIMENSION)) as vectors:
        vectors.count(CODING)
        assert not _readers()


def test_facts_of_points_that_come_and_go_take_no_more_room() -> None:
    table = FactsTable()
    for round_ in range(50):
        ids = [UUID(int=round_ * 100 + number) for number in range(100)]
        for number, id_ in enumerate(ids):
            table.put(id_, {"turn": number, "speaker": "Ana"})
        assert table.of(ids)["turn"].tolist() == list(range(100))
        table.drop(ids)
        assert table.missing(ids) == ids
    assert len(table._table) == 256


def test_a_point_that_is_put_again_keeps_its_row() -> None:
    table = FactsTable()
    one, other = UUID(int=1), UUID(int=2)
    table.put(one, {"turn": 1})
    table.put(other, {"turn": 2})
    table.put(one, {"turn": 3})
    assert table.of([one, other])["turn"].tolist() == [3, 2]
