"""Two processes over one PostgreSQL, one Valkey and one index, beside a dictionary as the model.

Whatever is remembered, changed, forgotten or expires in either process, and whichever cache or
process ends in between: the next recall in both brings back just what the dictionary holds.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from numpy.typing import NDArray

from sophia_cli import assembly
from sophia_cli.assembly import OpenService, open_service
from sophia_cli.config.loading import load
from sophia_cli.engines.valkey import Valkey
from sophia_cli.environment import utc_now
from sophia_cli.home import Home
from sophia_cli.memory.model import KINDS, Draft, Kind, Where
from sophia_cli.memory.searching import Question
from sophia_cli.memory.trace import Trace
from tests.conftest import temporary_home, wait_until

_ALL = 50
_WORDS = ("the launch", "the budget", "a release", "Ann", "the office", "a customer")
_QUESTIONS = ("what about the launch?", "who is Ann?", "the office")


class Embedder:
    """Vectors by chance, the same for the same text: here only what is found counts."""

    model, dimension = "by-chance", 16

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
        rows = [np.random.default_rng(seed).standard_normal(self.dimension) for seed in seeds]
        return np.array([row / np.linalg.norm(row) for row in rows], np.float32)

    def close(self) -> None:
        """Has nothing to release."""


class Two:
    """Two open services of one home: the second borrows the first one's index."""

    def __init__(self, home: Home) -> None:
        self.home = home
        config = load({"SOPHIA_GPU_CACHE__SIMILAR_FROM": "1"}, {}).config
        self._open = lambda borrowed=None: open_service(config, home, borrowed)
        self.opened: list[OpenService] = [self._open()]
        self.opened[0].service.open_front()
        self.start_second()

    def end_second(self) -> None:
        """Closes all of it but the index, which is the first one's."""
        second = self.opened.pop()
        second.service.answers.close()
        second.service.records.close()
        second.writers.close()
        second.use.release()

    def start_second(self) -> None:
        self.opened.append(self._open(self.opened[0].service.vectors))
        self.opened[1].service.open_front()

    def kill_cache(self) -> None:
        valkey = Valkey(self.home)
        for pid in _listening_on(valkey.address):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not valkey.answers())


def _listening_on(socket: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and socket.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    with pytest.MonkeyPatch.context() as patched, temporary_home() as root:
        patched.setattr(assembly, "_embedder", lambda *_: Embedder())
        both = Two(Home(root))
        yield both
        for each in reversed(both.opened):
            each.close()


class Coherence(RuleBasedStateMachine):
    """Rules that change the store in one of two processes, and questions to either."""

    ids = Bundle("ids")
    process = st.sampled_from([0, 1])

    def __init__(self, two: Two) -> None:
        super().__init__()
        self.two = two
        self.now = utc_now()
        self.model: dict[uuid.UUID, tuple[Kind, str, datetime | None]] = {}
        self.kills = self.ends = self.visits = 0

    @initialize()
    def a_user_of_its_own(self) -> None:
        self.user = str(uuid.uuid4())

    @rule(
        target=ids,
        process=process,
        said=st.lists(
            st.tuples(st.sampled_from(_WORDS), st.integers(0, 9)), min_size=1, max_size=3
        ),
        kind=st.sampled_from(KINDS),
        expires=st.none() | st.integers(1, 3),
    )
    def remember(
        self, process: int, said: list[tuple[str, int]], kind: Kind, expires: int | None
    ) -> object:
        ends = None if expires is None else self.now + timedelta(days=expires)
        drafts = [
            Draft(f"{words}, note {number}", kind, self.user, session="s", expires_at=ends)
            for words, number in said
        ]
        stored = self._service(process).remember(drafts, self.now, Trace())
        for draft, each in zip(drafts, stored, strict=True):
            if each.created:
                self.model[each.id] = (kind, draft.content, ends)
        return multiple(*(each.id for each in stored if each.created))

    @rule(process=process, id_=ids, number=st.integers(10, 99))
    def update(self, process: int, id_: uuid.UUID, number: int) -> None:
        kind, _, ends = self.model[id_]
        text = f"changed to {number} {id_}"
        self._service(process).update(id_, {"content": text}, self.now, Trace())
        self.model[id_] = (kind, text, ends)

    @rule(process=process, id_=consumes(ids))
    def forget(self, process: int, id_: uuid.UUID) -> None:
        receipt = self._service(process).forget([id_], self.now, Trace())
        assert receipt[0].complete
        del self.model[id_]

    @rule(days=st.integers(1, 2))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(process=process)
    def this_process_loses_its_cache(self, process: int) -> None:
        self._service(process).front.clear()

    @rule()
    @precondition(lambda self: self.kills < 1)
    def the_hot_cache_is_killed(self) -> None:
        self.kills += 1
        self.two.kill_cache()

    @rule()
    @precondition(lambda self: self.ends < 1 and len(self.two.opened) == 2)
    def the_second_process_ends(self) -> None:
        self.ends += 1
        self.two.end_second()

    @rule()
    @precondition(lambda self: len(self.two.opened) == 1)
    def the_second_process_starts(self) -> None:
        self.two.start_second()

    @rule(target=ids, text=st.sampled_from(_QUESTIONS), number=st.integers(100, 999))
    @precondition(lambda self: not self.visits and len(self.two.opened) == 1)
    def another_process_comes_and_goes(self, text: str, number: int) -> object:
        self.visits += 1
        self.both_are_asked_twice(text, Kind.CODING)
        self.two.start_second()
        stored = self.remember(1, [("in passing", number)], Kind.CODING, None)
        self.the_second_process_ends()
        self.both_are_asked_twice(text, Kind.CODING)
        return stored

    @rule(
        process=process,
        text=st.sampled_from(_QUESTIONS),
        kinds=st.sampled_from([KINDS, *((kind,) for kind in KINDS)]),
        by_meaning=st.booleans(),
    )
    def recall(self, process: int, text: str, kinds: Sequence[Kind], by_meaning: bool) -> None:
        question = Question(text, kinds, Where(user=self.user), _ALL, by_meaning)
        trace = Trace()
        found = self._service(process).recall(question, _ALL, self.now, trace)
        assert {each.memory.id: each.memory.content for each in found} == {
            id_: content
            for id_, (kind, content, ends) in self.model.items()
            if kind in kinds and (ends is None or ends > self.now)
        }, trace

    @rule(text=st.sampled_from(_QUESTIONS), kind=st.sampled_from(KINDS))
    def both_are_asked_twice(self, text: str, kind: Kind) -> None:
        for process in (0, 1, 1, 0):
            self.recall(process, text, (kind,), by_meaning=False)

    def _service(self, process: int) -> object:
        return self.two.opened[process % len(self.two.opened)].service

    def teardown(self) -> None:
        if len(self.two.opened) == 1:
            self.two.start_second()


@pytest.mark.timeout(900)
def test_no_answer_is_stale_or_lost(two: Two) -> None:
    run_state_machine_as_test(
        lambda: Coherence(two),
        settings=settings(
            max_examples=int(os.environ.get("SOPHIA_TEST_EXAMPLES", "500")),
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
