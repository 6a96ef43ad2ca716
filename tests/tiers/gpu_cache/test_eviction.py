from __future__ import annotations

import numpy as np
import pytest

from sophia_cli.tiers.gpu_cache.eviction import S3Fifo
from sophia_cli.tiers.gpu_cache.key_slots import KeySlots


class Answering:
    """The policy of the answers: one key at a time."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.policy = capacity, S3Fifo[int]()

    def ask(self, key: int) -> bool:
        slot = self.policy.find(key)
        if slot is not None:
            self.policy.touch(slot)
            return True
        if len(self.policy) >= self.capacity:
            self.policy.evict()
        self.policy.admit(key)
        return False

    def has(self, key: int) -> bool:
        return self.policy.find(key) is not None

    def drop(self, key: int) -> None:
        self.policy.drop(key)


class Batched:
    """The policy of the rows."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.policy = capacity, KeySlots(capacity)

    def ask(self, key: int) -> bool:
        slot = self.policy.find(key)
        if slot is not None:
            self.policy.touch(slot)
            return True
        self.policy.admit([key])
        return False

    def has(self, key: int) -> bool:
        return self.policy.find(key) is not None

    def drop(self, key: int) -> None:
        self.policy.drop([key])


Cache = Answering | Batched


@pytest.fixture(params=[Answering, Batched], ids=["one by one", "in batches"])
def cache(request: pytest.FixtureRequest) -> Cache:
    """Room for 100 keys."""
    made: Cache = request.param(100)
    return made


def test_a_scan_does_not_drive_out_what_is_used(cache: Cache) -> None:
    for _ in range(3):
        for key in range(50):
            cache.ask(key)
    for key in range(1000, 5000):
        cache.ask(key)
    assert all(cache.has(key) for key in range(50))


def test_a_key_that_comes_back_soon_stays_longer(cache: Cache) -> None:
    for key in range(100):
        cache.ask(key)
    cache.ask(100)
    assert not cache.has(0)
    cache.ask(0)  # its hash was remembered: it goes to the main queue
    for key in range(200, 500):
        cache.ask(key)
    assert cache.has(0)


def test_a_key_used_often_stays_for_more_rounds_than_one_used_once(cache: Cache) -> None:
    for key in range(100):
        cache.ask(key)
    for key in range(100):
        cache.ask(key)  # so that all go on to the main queue
    for key in range(100, 110):
        cache.ask(key)
    often, once = range(50, 60), range(60, 70)
    for key in [*often, *often, *often, *once]:
        cache.ask(key)
    for key in range(1000, 1200):
        cache.ask(key)
        cache.ask(key)  # used while it is new: the main queue has to give way
    assert all(cache.has(key) for key in often)
    assert not all(cache.has(key) for key in once)


def test_slots_are_used_again_and_never_twice(cache: Cache) -> None:
    random = np.random.default_rng(0)
    for key in random.integers(0, 300, 5000).tolist():
        if random.random() < 0.2:
            cache.drop(key)
        else:
            cache.ask(key)
    kept = [key for key in range(300) if cache.has(key)]
    slots = [slot for key in kept if (slot := cache.policy.find(key)) is not None]
    assert len(set(slots)) == len(slots) == len(kept) == len(cache.policy) <= 100
    assert len(cache.policy.keys) <= 100
    assert [cache.policy.keys[slot] for slot in slots] == kept


def test_both_keep_as_much_of_what_is_asked_again() -> None:
    random = np.random.default_rng(0)
    weights = 1 / np.arange(1, 2001)
    trace = random.choice(2000, 20_000, p=weights / weights.sum()).tolist()
    one_by_one, in_batches = (
        sum(map(cache.ask, trace)) for cache in (Answering(100), Batched(100))
    )
    assert abs(one_by_one - in_batches) < 0.005 * len(trace)
