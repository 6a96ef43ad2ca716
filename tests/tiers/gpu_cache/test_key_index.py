from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from sophia_cli.tiers.gpu_cache.key_index import NONE, KeyIndex, hashes_of

_CAPACITY = 40


@dataclass(frozen=True)
class Named:
    """A key that shares its place, or its hash as well, with others."""

    number: int

    def __hash__(self) -> int:
        return self.number % 3


_KEYS: st.SearchStrategy[Hashable] = st.one_of(
    st.builds(Named, st.integers(0, 30)), st.text(max_size=2), st.integers(-3, 30), st.none()
)


class Against(RuleBasedStateMachine):
    """The index beside a dictionary."""

    used = Bundle("used")

    def __init__(self) -> None:
        super().__init__()
        self.index = KeyIndex(_CAPACITY)
        self.index.keys += [None] * _CAPACITY
        self.model: dict[Hashable, int] = {}

    @rule(keys=st.lists(_KEYS, unique=True, max_size=20), run=st.booleans(), target=used)
    def enter(self, keys: list[Hashable], run: bool) -> object:
        free = sorted(set(range(_CAPACITY)) - set(self.model.values()))
        new = [key for key in keys if key not in self.model][: len(free)]
        slots = free[: len(new)]
        if not new:
            return multiple()
        is_run = run and slots[-1] - slots[0] == len(slots) - 1
        given = slice(slots[0], slots[-1] + 1) if is_run else np.array(slots, np.intp)
        self.index.enter(new, hashes_of(new), given)
        self.model |= dict(zip(new, slots, strict=True))
        return multiple(*new)

    @rule(keys=st.lists(used, max_size=10))
    def remove(self, keys: list[Hashable]) -> None:
        slots = [self.model.pop(key) for key in dict.fromkeys(keys) if key in self.model]
        self.index.remove(np.array(slots, np.intp))

    @rule()
    def clear(self) -> None:
        self.index.clear()
        self.index.keys += [None] * _CAPACITY
        self.model.clear()

    @rule(keys=st.lists(st.one_of(_KEYS, used), max_size=60))
    def find(self, keys: list[Hashable]) -> None:
        expected = [self.model.get(key, NONE) for key in keys]
        assert self.index.find_all(keys).tolist() == expected
        assert [self.index.find(key) for key in keys] == expected

    @invariant()
    def each_slot_names_its_key(self) -> None:
        names = [None] * _CAPACITY
        for key, slot in self.model.items():
            names[slot] = key
        assert self.index.keys == names
        assert self.index.find_all(list(self.model)).tolist() == list(self.model.values())


TestAgainst = Against.TestCase


@pytest.mark.parametrize("number", [200, 255, 514])
def test_any_number_of_keys_may_share_a_place(number: int) -> None:
    index, keys = KeyIndex(number), [Named(3 * n) for n in range(number)]
    index.keys += [None] * number
    index.enter(keys, hashes_of(keys), slice(0, number))
    index.remove(np.arange(0, number, 2))
    assert index.find_all(keys).tolist() == [n if n % 2 else NONE for n in range(number)]
    index.remove(np.arange(1, number, 2))
    assert not (index.find_all(keys) + 1).any()


def test_without_slots_nothing_is_found() -> None:
    assert KeyIndex(0).find("a") == NONE
    assert KeyIndex(0).find_all(["a", "b"]).tolist() == [NONE, NONE]
    assert KeyIndex(4).find_all([]).tolist() == []
