"""Against plain dictionaries: whatever is done in whatever order, nothing stale, wrong or lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sophia_cli.tiers.gpu_cache import Answers, Rows
from sophia_cli.tiers.gpu_cache.answers import ENTRY_BYTES
from sophia_cli.tiers.gpu_cache.slab import OutOfDeviceMemory

from .slabs import DIMENSION, Failing, FakeDevice, vectors

POOL = vectors(64)
KEYS = st.integers(0, 400)
EPOCHS = st.sampled_from([None, 1, 2])


class RowsAgainstADictionary(RuleBasedStateMachine):
    """A FAKE device, which runs out of memory when it is told to."""

    @initialize(capacity=st.sampled_from([64, 100, 300]))
    def start(self, capacity: int) -> None:
        self.device = FakeDevice()
        self.rows = Rows(capacity * 4 * DIMENSION)
        self.rows.open(self.device, DIMENSION)
        self.model: dict[int, tuple[Any, int]] = {}
        self.shrunk = False

    @rule(keys=st.lists(KEYS, max_size=80), first=st.integers(0, 63), epoch=EPOCHS)
    def put(self, keys: list[int], first: int, epoch: Any) -> None:
        chosen = [(first + place) % 64 for place in range(len(keys))]
        self.rows.put(keys, POOL[chosen], epoch)
        self.model.update({key: (epoch, at) for key, at in zip(keys, chosen, strict=True)})

    @rule(key=KEYS, epoch=EPOCHS)
    def get(self, key: int, epoch: Any) -> None:
        found = self.rows.get(key, epoch)
        at = self.model.get(key, (0, 0))
        if found is not None:
            assert at[0] == epoch
            np.testing.assert_array_equal(found, POOL[at[1]])
        elif at[0] == epoch:
            assert self.rows.figures().evictions or self.shrunk

    @rule(keys=st.lists(KEYS, max_size=20))
    def drop(self, keys: list[int]) -> None:
        self.rows.drop(keys)
        for key in keys:
            self.model.pop(key, None)

    @rule(query=st.integers(0, 63), k=st.integers(1, 12), epoch=EPOCHS)
    def top_k(self, query: int, k: int, epoch: Any) -> None:
        [found] = self.rows.top_k(POOL[[query]], k, epoch)
        held = {key: self.model[key][1] for key in self.rows.table.keys}
        at_epoch = [key for key in held if self.model[key][0] == epoch]
        truth = sorted((float(POOL[held[key]] @ POOL[query]) for key in at_epoch), reverse=True)
        assert len(found) == min(k, len(at_epoch))
        np.testing.assert_allclose([product for _, product in found], truth[:k], atol=1e-5)
        for key, product in found:
            assert abs(product - POOL[held[key]] @ POOL[query]) < 1e-5

    @rule(keys=st.lists(KEYS, max_size=20), query=st.integers(0, 63), epoch=EPOCHS)
    def similarity(self, keys: list[int], query: int, epoch: Any) -> None:
        products = self.rows.similarity(POOL[query], keys, epoch)
        held = set(self.rows.table.keys)
        for key, product in zip(keys, products, strict=True):
            if key in held and self.model[key][0] == epoch:
                assert abs(product - POOL[self.model[key][1]] @ POOL[query]) < 1e-5
            else:
                assert np.isnan(product)

    @rule(name=st.sampled_from(["write", "read", "products", "best"]), times=st.integers(1, 3))
    def memory_runs_out(self, name: str, times: int) -> None:
        self.device.failing = Failing(OutOfDeviceMemory("FAKE"), name, times=times)
        self.shrunk = True

    @invariant()
    def accounts_add_up(self) -> None:
        figures = self.rows.figures()
        assert figures.entries == len(self.rows.table.keys)
        assert figures.bytes == figures.entries * 4 * DIMENSION <= max(figures.budget, 0)
        assert set(self.rows.table.keys) <= set(self.model)
        assert self.device.open_slabs == (self.rows.table.slab is not None)


class AnswersAgainstADictionary(RuleBasedStateMachine):
    @initialize(entries=st.sampled_from([1, 5, 1000]))
    def start(self, entries: int) -> None:
        self.now = 0.0
        self.answers = Answers(entries * (ENTRY_BYTES + 50), lambda: self.now)
        self.model: dict[int, tuple[Any, int, float, int]] = {}

    @rule(
        key=st.integers(0, 30),
        epoch=EPOCHS,
        value=st.integers(),
        size=st.integers(0, 200),
        seconds=st.sampled_from([0.0, 5.0, float("inf")]),
        scope=st.sampled_from(["s", "t"]),
        asked=st.sampled_from([None, "q"]),
    )
    def put(
        self, key: int, epoch: Any, value: int, size: int, seconds: float, scope: str, asked: Any
    ) -> None:
        self.model.pop(key, None)
        if self.answers.put(
            key, value, size, epoch=epoch, seconds=seconds, scope=scope, asked=asked
        ):
            self.model[key] = (epoch, value, self.now + seconds, size)

    @rule(key=st.integers(0, 30), epoch=EPOCHS)
    def get(self, key: int, epoch: Any) -> None:
        found = self.answers.get(key, epoch)
        kept = self.model.get(key)
        due = kept is not None and kept[0] == epoch and self.now < kept[2]
        if found is not None:
            assert due and kept is not None and found == kept[1]
        else:
            assert not due or self.answers.figures().evictions
            self.model.pop(key, None)

    @rule(seconds=st.sampled_from([1.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=st.integers(0, 30))
    def drop(self, key: int) -> None:
        self.answers.drop(key)
        self.model.pop(key, None)

    @invariant()
    def accounts_add_up(self) -> None:
        figures = self.answers.figures()
        assert figures.bytes <= figures.budget
        if not figures.evictions:
            assert figures.entries == len(self.model)
            assert figures.bytes == sum(kept[3] + ENTRY_BYTES for kept in self.model.values())
        if not figures.entries:
            assert figures.bytes == 0


TestRows = RowsAgainstADictionary.TestCase
TestRows.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnswers = AnswersAgainstADictionary.TestCase
TestAnswers.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
