from __future__ import annotations

import numpy as np

from sophia_cli.tiers.gpu_cache.eviction import S3Fifo


def _ask(policy: S3Fifo[int], key: int, capacity: int) -> bool:
    slot = policy.find(key)
    if slot is not None:
        policy.touch(slot)
        return True
    if len(policy) >= capacity:
        policy.evict()
    policy.admit([key])
    return False


def test_a_scan_does_not_drive_out_what_is_used() -> None:
    policy: S3Fifo[int] = S3Fifo()
    for _ in range(3):
        for key in range(50):
            _ask(policy, key, 100)
    for key in range(1000, 5000):
        _ask(policy, key, 100)
    assert all(policy.find(key) is not None for key in range(50))


def test_a_key_that_comes_back_soon_stays_longer() -> None:
    policy: S3Fifo[int] = S3Fifo()
    for key in range(100):
        _ask(policy, key, 100)
    _ask(policy, 100, 100)
    assert policy.find(0) is None
    _ask(policy, 0, 100)  # its hash was remembered: it goes to the main queue
    for key in range(200, 500):
        _ask(policy, key, 100)
    assert policy.find(0) is not None


def test_a_key_used_often_stays_for_more_rounds_than_one_used_once() -> None:
    policy: S3Fifo[int] = S3Fifo()
    for key in range(100):
        _ask(policy, key, 100)
    for key in range(100):
        _ask(policy, key, 100)  # so that all go on to the main queue
    for key in range(100, 110):
        _ask(policy, key, 100)
    often, once = range(50, 60), range(60, 70)
    for key in [*often, *often, *often, *once]:
        _ask(policy, key, 100)
    for key in range(1000, 1200):
        _ask(policy, key, 100)
        _ask(policy, key, 100)  # used while it is new: the main queue has to give way
    assert all(policy.find(key) is not None for key in often)
    assert not all(policy.find(key) is not None for key in once)


def test_slots_are_used_again_and_never_twice() -> None:
    random = np.random.default_rng(0)
    policy: S3Fifo[int] = S3Fifo()
    for key in random.integers(0, 300, 5000).tolist():
        if random.random() < 0.2:
            policy.drop(key)
        else:
            _ask(policy, key, 60)
    slots = [policy.find(key) for key in policy]
    assert len(set(slots)) == len(slots) <= 60
    assert len(policy.keys) <= 60
    assert all(policy.keys[slot] == key for key, slot in zip(policy, slots, strict=True) if slot)


def test_new_keys_get_a_run_of_slots() -> None:
    policy: S3Fifo[int] = S3Fifo()
    assert policy.admit([1, 2, 3]) == slice(0, 3)
    policy.drop(2)
    slots = policy.admit([4, 5])
    assert isinstance(slots, np.ndarray) and slots.tolist() == [1, 3]


def test_a_key_that_is_there_keeps_its_slot() -> None:
    policy: S3Fifo[int] = S3Fifo()
    policy.admit([1, 2, 3])
    slots = policy.admit([4, 2, 5, 4])
    assert isinstance(slots, np.ndarray) and slots.tolist() == [3, 1, 5, 3]
    assert [policy.find(key) for key in (1, 2, 3, 4, 5)] == [0, 1, 2, 3, 5]
    slots = policy.admit([6, 7])
    assert isinstance(slots, np.ndarray) and slots.tolist() == [6, 4]


def test_the_hottest_come_first() -> None:
    policy: S3Fifo[str] = S3Fifo()
    policy.admit(["a", "b", "c"])
    policy.touch(2)
    policy.touch(2)
    policy.touch(1)
    assert policy.hottest(2) == [("c", 2, 2), ("b", 1, 1)]
