from __future__ import annotations

import numpy as np
import pytest

from sophia_cli.tiers.gpu_cache import Rows
from sophia_cli.tiers.gpu_cache.numpy_slab import NumpyOpener
from sophia_cli.tiers.gpu_cache.slab import Opener

from .conftest import CAPACITY
from .slabs import DIMENSION, vectors


def test_a_vector_is_found_as_it_was_kept(rows: Rows) -> None:
    kept = vectors(3)
    assert rows.put(["a", "b", "c"], kept) == 3
    found = rows.get("b")
    assert found is not None and found.dtype == np.float32
    np.testing.assert_array_equal(found, kept[1])
    assert rows.get("d") is None


def test_what_is_found_is_a_copy(rows: Rows) -> None:
    rows.put(["a"], vectors(1))
    found = rows.get("a")
    assert found is not None
    found[:] = 0
    np.testing.assert_array_equal(rows.get("a"), vectors(1)[0])


def test_a_vector_of_another_epoch_is_not_found(rows: Rows) -> None:
    rows.put(["a"], vectors(1), epoch=4)
    assert rows.get("a", 5) is None
    assert rows.get("a") is None
    assert rows.get("a", 4) is not None
    assert np.isnan(rows.similarity(vectors(1)[0], ["a"], 5)).all()
    assert rows.top_k(vectors(1), 3, 5) == [[]]


def test_keeping_a_key_again_replaces_it(rows: Rows) -> None:
    old, new = vectors(2)
    rows.put(["a", "b"], np.stack([old, old]), epoch=1)
    rows.put(["c", "a"], np.stack([old, new]), epoch=2)
    np.testing.assert_array_equal(rows.get("a", 2), new)
    assert rows.get("a", 1) is None
    assert rows.get("b", 1) is not None
    assert rows.figures().entries == 3


def test_a_key_named_twice_has_its_last_vector(rows: Rows) -> None:
    first, last = vectors(2)
    rows.put(["a", "b", "a"], np.stack([first, first, last]))
    assert rows.figures().entries == 2
    np.testing.assert_array_equal(rows.get("a"), last)


def test_similarity_is_the_product_and_nan_where_there_is_none(rows: Rows) -> None:
    kept, query = vectors(3), vectors(1, seed=9)[0]
    rows.put(["a", "b", "c"], kept)
    products = rows.similarity(query, ["c", "nobody", "a"])
    assert products.dtype == np.float32
    np.testing.assert_allclose(products, [kept[2] @ query, np.nan, kept[0] @ query], rtol=1e-5)
    assert rows.similarity(query, []).shape == (0,)


@pytest.mark.parametrize("queries", [1, 7])
def test_top_k_is_what_brute_force_finds(rows: Rows, queries: int) -> None:
    kept, asked = vectors(60), vectors(queries, seed=1)
    rows.put(list(range(60)), kept)
    rows.drop([3, 17, 59])
    truth = asked @ kept.T
    truth[:, [3, 17, 59]] = -9
    for found, products in zip(rows.top_k(asked, 5), truth, strict=True):
        assert [key for key, _ in found] == np.argsort(-products)[:5].tolist()
        np.testing.assert_allclose(
            [product for _, product in found], np.sort(products)[::-1][:5], rtol=1e-5
        )


def test_empty_rows_are_never_found_even_where_all_others_point_away(rows: Rows) -> None:
    away = -vectors(1)
    rows.put(["a", "b"], np.repeat(away, 2, 0))
    rows.drop(["b"])
    [found] = rows.top_k(vectors(1), 10)
    assert [key for key, _ in found] == ["a"]
    assert found[0][1] == pytest.approx(-1)


def test_many_queries_are_answered_in_parts(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sophia_cli.tiers.gpu_cache.rows._PRODUCTS", 70)
    rows.put(list(range(30)), vectors(30))
    found = rows.top_k(vectors(30), 1)
    assert [best[0][0] for best in found] == list(range(30))


def test_more_than_fit_evicts_the_unused_and_keeps_the_used(rows: Rows) -> None:
    rows.put(list(range(CAPACITY)), vectors(CAPACITY))
    used = list(range(0, CAPACITY, 10))
    rows.similarity(vectors(1)[0], used)
    for start in range(1000, 1300, 30):
        rows.put(list(range(start, start + 30)), vectors(30))
    assert all(rows.get(key) is not None for key in used)
    figures = rows.figures()
    assert figures.entries == CAPACITY
    assert figures.bytes == figures.budget == CAPACITY * 4 * DIMENSION
    assert figures.evictions == 300


def test_a_batch_larger_than_the_slab_leaves_its_end_and_what_is_used(rows: Rows) -> None:
    rows.put(["used"], vectors(1))
    rows.get("used")
    assert rows.put(list(range(250)), vectors(250)) == 250
    assert rows.figures().entries == CAPACITY
    np.testing.assert_array_equal(rows.get(249), vectors(250)[249])
    np.testing.assert_array_equal(rows.get("used"), vectors(1)[0])


@pytest.mark.parametrize(
    "garbage",
    [
        np.full((1, DIMENSION), np.nan, np.float32),
        np.full((1, DIMENSION), np.inf, np.float32),
        np.full((1, DIMENSION), 1e6, np.float32),
        np.zeros((1, DIMENSION + 1), np.float32),
        np.zeros((2, DIMENSION), np.float32),
    ],
    ids=["nan", "inf", "large", "dimension", "count"],
)
def test_garbage_is_refused_and_finds_nothing(rows: Rows, garbage: np.ndarray) -> None:
    rows.put(["a"], vectors(1))
    assert rows.put(["b"], garbage) == 0
    assert rows.figures().refused == 1
    assert rows.figures().entries == 1
    if len(garbage) == 1:
        assert np.isnan(rows.similarity(garbage[0], ["a"])).all()
        assert rows.top_k(garbage, 1) == [[]]


def test_a_vector_that_cannot_be_written_to_is_taken(
    rows: Rows, recwarn: pytest.WarningsRecorder
) -> None:
    received = np.frombuffer(vectors(1)[0].tobytes(), "<f4")
    rows.put(["a"], received[np.newaxis])
    rows.similarity(received, ["a"])
    np.testing.assert_array_equal(rows.get("a"), received)
    assert not recwarn.list


def test_what_is_dropped_is_erased_on_the_device(rows: Rows) -> None:
    rows.put(["a", "b"], vectors(2))
    assert rows.drop(["a", "nobody"]) == 1
    assert rows.get("a") is None
    assert rows.table.slab is not None
    held = rows.table.slab.read(slice(0, 2))
    np.testing.assert_array_equal(held, [np.zeros(DIMENSION), vectors(2)[1]])
    assert rows.clear() == 1
    assert not rows.table.slab.read(slice(0, 2)).any()
    assert rows.figures().entries == 0


def test_hits_and_misses_are_counted(rows: Rows) -> None:
    rows.put(["a"], vectors(1))
    rows.get("a")
    rows.get("b")
    rows.similarity(vectors(1)[0], ["a", "b", "c"])
    rows.similarity(vectors(1)[0], ["a", "b", "c"], counted=False)
    assert (rows.figures().hits, rows.figures().misses) == (2, 3)


def test_before_it_is_opened_everything_misses() -> None:
    rows = Rows(1 << 20)
    assert rows.put(["a"], vectors(1)) == 0
    assert rows.get("a") is None
    assert np.isnan(rows.similarity(vectors(1)[0], ["a"])).all()
    assert rows.top_k(vectors(2), 1) == [[], []]
    assert rows.drop(["a"]) == rows.clear() == 0


def test_epochs_without_rows_are_forgotten() -> None:
    rows = Rows(CAPACITY * 4 * DIMENSION)
    rows.open(NumpyOpener(), DIMENSION)
    for epoch in range(5000):
        rows.put(["a"], vectors(1), epoch)
    assert len(rows.table.marks.epochs()) <= 1025
    assert rows.get("a", 4999) is not None
    assert rows.get("a", 4998) is None


@pytest.mark.parametrize("count", [2559, 2560, 3001])
@pytest.mark.parametrize("k", [1, 10, 11])
def test_top_k_of_many_rows_is_what_brute_force_finds(slabs: Opener, count: int, k: int) -> None:
    kept, asked = vectors(count), vectors(3, seed=4)
    kept[1000:1100] = kept[7]  # ties
    asked[0] = kept[7]
    rows = Rows(1 << 20)
    rows.open(slabs, DIMENSION)
    rows.put(list(range(count)), kept)
    rows.drop(list(range(0, count, 3)))
    truth = asked @ kept.T
    truth[:, ::3] = -9
    for found, products in zip(rows.top_k(asked, k), truth, strict=True):
        np.testing.assert_allclose(
            [product for _, product in found], np.sort(products)[::-1][:k], rtol=1e-5
        )
        for key, product in found:
            assert product == pytest.approx(products[int(str(key))], rel=1e-5)


def test_top_k_of_rows_that_are_mostly_hidden_finds_the_others(slabs: Opener) -> None:
    rows = Rows(1 << 20)
    rows.open(slabs, DIMENSION)
    rows.put(list(range(4000)), vectors(4000), epoch=1)
    rows.put([4000, 4001], vectors(2, seed=8), epoch=2)
    [found] = rows.top_k(vectors(1), 10, 2)
    assert {key for key, _ in found} == {4000, 4001}
