"""Against plain dictionaries: whatever is done in whatever order, nothing stale, wrong or lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sophia_cli.tiers.gpu_cache import Answers, GpuCache, Rows, Settings
from sophia_cli.tiers.gpu_cache.answers import ENTRY_BYTES
from sophia_cli.tiers.gpu_cache.numpy_slab import NumpyOpener
from sophia_cli.tiers.gpu_cache.slab import OutOfDeviceMemory

from .slabs import DIMENSION, Failing, FakeDevice, FakeSlab, vectors

POOL = vectors(64)
KEYS = st.integers(0, 400)
EPOCHS = st.sampled_from([None, 1, 2])
SCOPES = st.sampled_from(["s", "t"])


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

    @rule()
    def clear(self) -> None:
        held = len(self.rows.table.keys)
        assert self.rows.clear() == held
        assert self.rows.figures().entries == 0
        self.model.clear()

    @rule(key=KEYS)
    def touch(self, key: int) -> None:
        self.rows.touch(key)

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

    @invariant()
    def each_key_has_a_slot_and_free_slots_are_erased(self) -> None:
        table = self.rows.table
        held = {key: table.keys.find(key) for key in table.keys}
        assert len(set(held.values())) == len(held) <= table.capacity
        at = {slot: key for slot, key in enumerate(table.keys.keys) if key is not None}
        assert at == {slot: key for key, slot in held.items()}
        free = [slot for slot in range(table.keys.end) if slot not in at]
        assert not table.marks.numbers(np.array(free, np.intp)).any()
        if isinstance(table.slab, FakeSlab):
            assert not table.slab.held()[free].any()


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


class NearestAgainstAllProducts(RuleBasedStateMachine):
    """Questions come and go, their vectors leave and come back in other slots."""

    @initialize()
    def start(self) -> None:
        self.cache = GpuCache(Settings(vector_bytes=64 * 4 * DIMENSION))
        self.cache.open(DIMENSION, NumpyOpener())
        self.answers: dict[int, tuple[str, int, int]] = {}
        self.rows: dict[int, int] = {}

    @rule(key=st.integers(0, 30), asked=st.integers(0, 90), scope=SCOPES, epoch=st.integers(1, 2))
    def answer(self, key: int, asked: int, scope: str, epoch: int) -> None:
        self.cache.answers.put(key, f"answer {key}", 1, epoch=epoch, scope=scope, asked=asked)
        self.answers[key] = (scope, epoch, asked)

    @rule(keys=st.lists(st.integers(0, 90), min_size=1, max_size=50), first=st.integers(0, 63))
    def keep(self, keys: list[int], first: int) -> None:
        chosen = [(first + place) % 64 for place in range(len(keys))]
        self.cache.rows.put(keys, POOL[chosen])
        self.rows.update(zip(keys, chosen, strict=True))

    @rule(key=st.integers(0, 30))
    def forget_an_answer(self, key: int) -> None:
        self.cache.answers.drop(key)
        self.answers.pop(key, None)

    @rule(key=st.integers(0, 90))
    def forget_a_row(self, key: int) -> None:
        self.cache.rows.drop([key])

    @rule()
    def open_again(self) -> None:
        self.cache.open(DIMENSION, NumpyOpener())

    @rule(query=st.integers(0, 63), scope=SCOPES, epoch=st.integers(1, 2))
    def nearest(self, query: int, scope: str, epoch: int) -> None:
        held = set(self.cache.rows.table.keys)
        near = {
            key: float(POOL[self.rows[asked]] @ POOL[query])
            for key, (of, at, asked) in self.answers.items()
            if (of, at) == (scope, epoch) and asked in held
        }
        found = self.cache.nearest_question(POOL[query], scope, epoch, 0.3)
        if max(near.values(), default=-1) < 0.3:
            assert found is None
            return
        assert found is not None and found.value == f"answer {found.key}"
        assert self.answers[int(str(found.key))] == (scope, epoch, found.asked)
        assert abs(near[int(str(found.key))] - max(near.values())) < 1e-5
        assert abs(found.similarity - max(near.values())) < 1e-5


TestRows = RowsAgainstADictionary.TestCase
TestRows.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnswers = AnswersAgainstADictionary.TestCase
TestAnswers.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestNearest = NearestAgainstAllProducts.TestCase
TestNearest.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
