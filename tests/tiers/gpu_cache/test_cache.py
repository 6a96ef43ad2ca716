from __future__ import annotations

import numpy as np
import pytest

from sophia_cli.tiers.gpu_cache import GpuCache, Settings
from sophia_cli.tiers.gpu_cache.numpy_slab import NumpyOpener
from sophia_cli.tiers.gpu_cache.slab import Opener

from .slabs import DIMENSION, vectors

BASE = vectors(1)[0]


def _near(cosine: float) -> np.ndarray:
    """A unit vector at this cosine to BASE."""
    other = vectors(1, seed=5)[0]
    other -= (other @ BASE) * BASE
    other /= np.linalg.norm(other)
    return (cosine * BASE + np.sqrt(1 - cosine**2) * other).astype(np.float32)


@pytest.fixture
def cache(slabs: Opener) -> GpuCache:
    cache = GpuCache(Settings(vector_bytes=1 << 16))
    cache.open(DIMENSION, slabs)
    return cache


def _answer(cache: GpuCache, name: str, cosine: float, scope: str = "s", epoch: int = 1) -> None:
    cache.rows.put([f"text {name}"], _near(cosine)[np.newaxis])
    cache.answers.put(name, f"answer {name}", 10, epoch=epoch, scope=scope, asked=f"text {name}")


def test_the_nearest_question_of_the_scope_is_found(cache: GpuCache) -> None:
    for name, cosine in [("far", 0.5), ("near", 0.97), ("nearer", 0.99), ("close", 0.9)]:
        _answer(cache, name, cosine)
    found = cache.nearest_question(BASE, "s", 1, 0.95)
    assert found is not None
    assert (found.key, found.asked, found.value) == ("nearer", "text nearer", "answer nearer")
    assert found.similarity == pytest.approx(0.99, abs=1e-3)
    assert cache.nearest_question(BASE, "s", 1, 0.995) is None
    assert (cache.stats().near_hits, cache.stats().near_misses) == (1, 1)


@pytest.mark.parametrize(("scope", "epoch"), [("t", 1), ("s", 2)])
def test_a_question_of_another_scope_or_epoch_is_not(
    cache: GpuCache, scope: str, epoch: int
) -> None:
    _answer(cache, "same", 1.0)
    assert cache.nearest_question(BASE, scope, epoch, 0.9) is None


def test_a_long_vector_is_no_closer_than_a_short_one(cache: GpuCache) -> None:
    _answer(cache, "close", 0.9)
    assert cache.nearest_question(100 * BASE, "s", 1, 0.95) is None
    found = cache.nearest_question(0.01 * BASE, "s", 1, 0.85)
    assert found is not None and found.similarity == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("garbage", [np.zeros(DIMENSION), np.full(DIMENSION, np.nan), np.ones(3)])
def test_garbage_is_near_to_nothing(cache: GpuCache, garbage: np.ndarray) -> None:
    _answer(cache, "same", 1.0)
    assert cache.nearest_question(garbage.astype(np.float32), "s", 1, -1) is None


def test_a_question_whose_vector_has_left_is_passed_over(cache: GpuCache) -> None:
    _answer(cache, "nearer", 0.99)
    _answer(cache, "near", 0.97)
    cache.rows.drop(["text nearer"])
    found = cache.nearest_question(BASE, "s", 1, 0.95)
    assert found is not None and found.key == "near"


def test_an_answer_that_has_ended_is_passed_over() -> None:
    now = [0.0]
    cache = GpuCache(Settings(), clock=lambda: now[0])
    cache.open(DIMENSION, NumpyOpener())
    for name, cosine, seconds in [("nearer", 0.99, 5), ("near", 0.97, 50)]:
        cache.rows.put([name], _near(cosine)[np.newaxis])
        cache.answers.put(name, name, 1, epoch=1, scope="s", seconds=seconds, asked=name)
    now[0] = 10
    found = cache.nearest_question(BASE, "s", 1, 0.95)
    assert found is not None and found.key == "near"


def test_looking_for_near_questions_is_no_use_of_their_rows(cache: GpuCache) -> None:
    _answer(cache, "far", 0.1)
    cache.nearest_question(BASE, "s", 1, 0.95)
    assert (cache.stats().vectors.hits, cache.stats().vectors.misses) == (0, 0)


def test_each_use_can_be_turned_off(slabs: Opener) -> None:
    cache = GpuCache(Settings(answers=False, vectors=False))
    cache.open(DIMENSION, slabs)
    assert not cache.answers.put("q", "x", 1, epoch=1)
    assert cache.rows.put(["a"], vectors(1)) == 0
    assert cache.stats().state == "closed"
    cache = GpuCache(Settings(rescoring=False))
    cache.open(DIMENSION, slabs)
    cache.rows.put(["a"], vectors(1))
    assert cache.rows.get("a") is not None
    assert np.isnan(cache.similarity(BASE, ["a"])).all()


def test_stats_say_what_holds_the_rows(cache: GpuCache) -> None:
    _answer(cache, "a", 1.0)
    stats = cache.stats()
    assert (stats.state, stats.device, stats.dtype) == ("open", "cpu", "float32")
    assert stats.library.split()[0] in ("numpy", "torch")
    assert stats.capacity == (1 << 16) // (4 * DIMENSION)
    assert (stats.vectors.entries, stats.answers.entries, stats.shrunk) == (1, 1, 0)


def test_clearing_erases_all_and_closing_ends_it(cache: GpuCache) -> None:
    _answer(cache, "a", 1.0)
    assert cache.clear() == (1, 1)
    assert cache.nearest_question(BASE, "s", 1, 0) is None
    _answer(cache, "a", 1.0)
    cache.close()
    assert cache.stats().state == "closed"
    assert cache.rows.get("text a") is None
    assert cache.answers.get("a", 1) is None
