from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from sophia_cli.tiers.gpu_cache import GpuCache, Settings
from sophia_cli.tiers.gpu_cache.numpy_slab import NumpyOpener
from sophia_cli.tiers.gpu_cache.slab import Opener, OutOfDeviceMemory

from .slabs import DIMENSION, Failing, FakeDevice, vectors

SECONDS = 1.0


def _row(key: int) -> np.ndarray:
    """A row that tells its key in every number: a torn or misplaced one is found out."""
    return np.full(DIMENSION, key, np.float32)


def _run(*works: Callable[[np.random.Generator], None]) -> list[BaseException]:
    """Each repeats until the time is up; returns what they raised."""
    ends, failed = time.monotonic() + SECONDS, []

    def loop(work: Callable[[np.random.Generator], None], seed: int) -> None:
        random = np.random.default_rng(seed)
        try:
            while time.monotonic() < ends:
                work(random)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=loop, args=(work, at)) for at, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return failed


def _works(cache: GpuCache) -> list[Callable[[np.random.Generator], None]]:
    rows = cache.rows

    def put(random: np.random.Generator) -> None:
        keys = random.choice(400, 20, replace=False).tolist()
        rows.put(keys, np.stack([_row(key) for key in keys]))

    def get(random: np.random.Generator) -> None:
        key = int(random.integers(400))
        found = rows.get(key)
        assert found is None or (found == key).all(), (key, found)

    def search(random: np.random.Generator) -> None:
        query = np.ones((2, DIMENSION), np.float32)
        for found in rows.top_k(query, 10):
            for key, product in found:
                assert product == DIMENSION * int(str(key)), (key, product)

    def score(random: np.random.Generator) -> None:
        keys = random.integers(0, 400, 10).tolist()
        products = rows.similarity(np.ones(DIMENSION, np.float32), keys)
        for key, product in zip(keys, products.tolist(), strict=True):
            assert np.isnan(product) or product == DIMENSION * key, (key, product)

    def drop(random: np.random.Generator) -> None:
        rows.drop(random.integers(0, 400, 3).tolist())

    def answer(random: np.random.Generator) -> None:
        key, epoch = int(random.integers(50)), int(random.integers(3))
        cache.answers.put(key, (key, epoch), 100, epoch=epoch, scope="s", asked=key)
        found = cache.answers.get(int(random.integers(50)), epoch)
        assert found is None or found[1] == epoch  # type: ignore[index]
        cache.nearest_question(np.ones(DIMENSION, np.float32), "s", epoch, 0.9)

    return [put, put, get, get, search, score, drop, answer]


def test_threads_never_read_a_torn_or_misplaced_row(slabs: Opener) -> None:
    cache = GpuCache(Settings(vector_bytes=100 * slabs.row_bytes(DIMENSION), answer_bytes=20_000))
    cache.open(DIMENSION, slabs)
    assert _run(*_works(cache)) == []
    assert cache.stats().state == "open"
    assert cache.stats().notes == ()


def test_threads_find_no_question_in_place_of_another() -> None:
    """Few answers, so that lists of questions empty and begin anew beside the searches."""
    cache = GpuCache(Settings(vector_bytes=100 * 4 * DIMENSION, answer_bytes=4_000))
    cache.open(DIMENSION, NumpyOpener())
    questions = vectors(200)

    def keep(random: np.random.Generator) -> None:
        key = int(random.integers(200))
        cache.rows.put([key], questions[[key]])

    def answer(random: np.random.Generator) -> None:
        key = int(random.integers(200))
        cache.answers.put(key, key, 1, epoch=int(random.integers(2)), scope="s", asked=key)
        cache.answers.drop(int(random.integers(200)))

    def ask(random: np.random.Generator) -> None:
        vector = questions[random.integers(200)]
        found = cache.nearest_question(vector, "s", int(random.integers(2)), 0.5)
        if found is not None:
            assert found.value == found.key == found.asked
            assert abs(found.similarity - questions[int(str(found.key))] @ vector) < 1e-5

    assert _run(keep, answer, answer, ask, ask, ask) == []


def test_memory_may_give_out_under_threads() -> None:
    """A FAKE device, of whose operations one in a while has no memory."""
    device = FakeDevice()
    cache = GpuCache(Settings(vector_bytes=(64 << 6) * 4 * DIMENSION))
    cache.open(DIMENSION, device)

    def run_out(random: np.random.Generator) -> None:
        name = str(random.choice(["write", "read", "best", "products"]))
        device.failing = Failing(OutOfDeviceMemory("FAKE"), name, times=2)
        time.sleep(0.2)

    assert _run(*_works(cache), run_out) == []
    assert cache.stats().shrunk > 0


def test_an_answer_does_not_wait_for_a_search() -> None:
    device = FakeDevice()
    cache = GpuCache(Settings())
    cache.open(DIMENSION, device)
    cache.rows.put([1, 2], np.stack([_row(1), _row(2)]))
    cache.answers.put("q", "x", 1, epoch=1)
    inside, go_on = threading.Event(), threading.Event()

    def slow(name: str) -> None:
        if name == "best":
            inside.set()
            go_on.wait(10)

    device.failing = slow
    search = threading.Thread(target=cache.top_k, args=(np.ones((1, DIMENSION), np.float32), 1))
    search.start()
    assert inside.wait(10)
    start = time.monotonic()
    assert cache.answers.get("q", 1) == "x"
    assert cache.rows.get(1) is not None
    assert cache.rows.put([3], _row(3)[np.newaxis]) == 1
    assert cache.stats().vectors.entries == 3
    assert time.monotonic() - start < 1
    go_on.set()
    search.join(10)


def test_a_row_cannot_be_found_while_it_is_written() -> None:
    device = FakeDevice()
    cache = GpuCache(Settings())
    cache.open(DIMENSION, device)
    cache.rows.put([1, 2], np.stack([_row(1), _row(2)]))
    inside, go_on = threading.Event(), threading.Event()

    def slow(name: str) -> None:
        if name == "write":
            inside.set()
            go_on.wait(10)

    device.failing = slow
    write = threading.Thread(target=cache.rows.put, args=([1, 3], np.stack([_row(5), _row(3)])))
    write.start()
    assert inside.wait(10)
    assert cache.rows.get(1) is None
    assert cache.rows.get(3) is None
    ones = np.ones(DIMENSION, np.float32)
    assert cache.top_k(ones[np.newaxis], 5) == [[(2, 2 * DIMENSION)]]
    assert np.isnan(cache.similarity(ones, [1, 3])).all()
    go_on.set()
    write.join(10)
    assert cache.top_k(ones[np.newaxis], 2) == [[(1, 5 * DIMENSION), (3, 3 * DIMENSION)]]


def test_a_search_that_ends_while_slots_change_hands_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = FakeDevice()
    cache = GpuCache(Settings())
    cache.open(DIMENSION, device)
    cache.rows.put([1, 2], np.stack([_row(1), _row(2)]))
    inside, go_on = threading.Event(), threading.Event()
    found: list[object] = []

    def slow(name: str) -> None:
        if name == "best":
            inside.set()
            go_on.wait(10)

    device.failing = slow
    ones = np.ones((1, DIMENSION), np.float32)
    search = threading.Thread(target=lambda: found.extend(cache.top_k(ones, 5)))
    search.start()
    assert inside.wait(10)
    drop = cache.rows.table.keys.drop

    def dropping(keys: Sequence[Hashable]) -> NDArray[np.intp]:
        slots = drop(keys)
        go_on.set()
        time.sleep(0.2)  # for the search to end
        return slots

    monkeypatch.setattr(cache.rows.table.keys, "drop", dropping)
    assert cache.rows.drop([2]) == 1
    search.join(10)
    assert found == [[(1, DIMENSION)]]
