from __future__ import annotations

import numpy as np

from sophia_cli.tiers.gpu_cache.key_index import NONE
from sophia_cli.tiers.gpu_cache.key_slots import KeySlots, Located


def _slots(keys: KeySlots, named: list[object]) -> list[int]:
    return keys.find_all(named).tolist()


def test_new_keys_get_a_run_of_slots() -> None:
    keys = KeySlots(100)
    assert keys.admit([1, 2, 3]).slots == slice(0, 3)
    assert keys.drop([2, "nobody"]).tolist() == [1]
    slots = keys.admit([4, 5]).slots
    assert isinstance(slots, np.ndarray) and slots.tolist() == [1, 3]


def test_keys_that_came_together_leave_a_run_of_slots() -> None:
    keys = KeySlots(100)
    keys.admit(list(range(100)))
    admitted = keys.admit(list(range(200, 230)))
    assert (admitted.slots, admitted.left) == (slice(0, 30), 30)
    assert _slots(keys, [0, 29, 30, 200, 229]) == [NONE, NONE, 30, 0, 29]
    assert keys.keys[:30] == list(range(200, 230))


def test_a_key_that_is_there_keeps_its_slot() -> None:
    keys = KeySlots(100)
    keys.admit([1, 2, 3])
    slots = keys.admit([4, 2, 5, 4]).slots
    assert isinstance(slots, np.ndarray) and slots.tolist() == [3, 1, 4, 3]
    assert _slots(keys, [1, 2, 3, 4, 5]) == [0, 1, 2, 3, 4]


def test_only_as_many_leave_as_there_are_new_keys() -> None:
    keys = KeySlots(100)
    keys.admit(list(range(100)))
    admitted = keys.admit([50, 51, 200, 52])
    assert admitted.left == 1
    assert len(keys) == 100
    assert NONE not in _slots(keys, [50, 51, 200, 52])


def test_what_is_to_be_replaced_may_be_the_first_to_leave() -> None:
    keys = KeySlots(100)
    keys.admit(list(range(100)))
    keys.admit([0, 1, *range(200, 250)])
    assert len(keys) == 100
    assert NONE not in _slots(keys, [0, 1, *range(200, 250)])


def test_keys_that_are_named_twice_have_one_slot() -> None:
    keys = KeySlots(100)
    keys.admit(list(range(100)))
    slots, left = keys.admit(["a", "b", "a"])
    assert isinstance(slots, np.ndarray) and slots[0] == slots[2] != slots[1]
    assert (left, len(keys)) == (2, 100)


def test_a_key_that_is_there_is_found_in_a_batch_of_new_ones() -> None:
    keys = KeySlots(100)
    keys.admit(list(range(100)))
    slots, left = keys.admit([*range(100, 117), 99, *range(117, 140)])
    assert isinstance(slots, np.ndarray) and slots[17] == 99
    assert (left, len(keys)) == (40, 100)
    assert _slots(keys, [99, 100, 139]) == [99, slots[0], slots[-1]]


def test_once_cleared_it_is_as_at_the_start() -> None:
    keys = KeySlots(100)
    for start in range(0, 300, 30):  # some have left, and are remembered
        keys.admit(list(range(start, start + 30)))
    keys.drop([299])
    located = Located([298], keys.find_all([298]), keys.tickets[keys.find_all([298])])
    assert len(keys.clear()) == 99
    assert (len(keys), keys.end, list(keys)) == (0, 0, [])
    assert keys.locate(located).tolist() == [False]
    fresh = KeySlots(100, keys.next_ticket)
    for start in (250, 0, 270, 100, 200):
        some = list(range(start, start + 40))
        ours, theirs = keys.admit(some), fresh.admit(some)
        assert _slots(keys, list(range(300))) == _slots(fresh, list(range(300)))
        assert ours.left == theirs.left
        assert keys.tickets.tolist() == fresh.tickets.tolist()


def test_the_hottest_come_first() -> None:
    keys = KeySlots(100)
    keys.admit(["a", "b", "c"])
    for slot in (2, 2, 1):
        keys.touch(slot)
    hottest = keys.hottest(2)
    assert hottest.tolist() == [2, 1]
    assert keys.uses(hottest).tolist() == [2, 1]


def test_where_keys_lie_is_found_again_once_they_moved() -> None:
    keys = KeySlots(10)
    located = Located(["a", "b", "c"], np.full(3, NONE), np.full(3, NONE))
    assert keys.locate(located).tolist() == [False] * 3
    keys.admit(["a", "b"])
    assert keys.locate(located).tolist() == [True, True, False]
    assert located.slots.tolist() == [0, 1, NONE]
    keys.drop(["a"])
    keys.admit(["c"])  # in the slot of a
    assert keys.locate(located).tolist() == [False, True, True]
    assert located.slots.tolist() == [NONE, 1, 0]
    following = KeySlots(1, keys.next_ticket)
    following.admit(["b"])
    assert following.locate(located).tolist() == [False, True, False]
    assert located.slots.tolist() == [NONE, 0, NONE]


def test_a_key_whose_hash_is_that_of_another_is_another_key() -> None:
    keys = KeySlots(10)
    keys.admit([-1, -2])  # both have the hash -2
    assert _slots(keys, [-1, -2]) == [0, 1]
    keys.drop([-1])
    assert _slots(keys, [-1, -2]) == [NONE, 1]


def test_any_keys_may_be_named() -> None:
    keys = KeySlots(64)
    named: list[object] = [("a", 1), ("a", 2), b"x", None, 1.5, frozenset({1}), "", 10**30]
    keys.admit(named * 8)
    keys.admit([("b", n) for n in range(64)])
    assert len(keys) == 64
    assert _slots(keys, named) == [NONE] * len(named)
