"""Answers by key, at an epoch: objects in this process's memory, within a budget of bytes."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from sophia_cli.tiers.gpu_cache.asked import Asked, Questions
from sophia_cli.tiers.gpu_cache.eviction import S3Fifo
from sophia_cli.tiers.gpu_cache.stats import Figures

ENTRY_BYTES = 512
"""What an entry takes beside its value: key, record, places in dictionaries and queues."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is kept. `until` is a reading of the clock; `asked` is the key of a row, or None."""

    value: object
    bytes: int
    epoch: Hashable
    scope: Hashable
    until: float
    asked: Hashable


class Answers:
    """Answers to questions. Threads may share it.

    An answer is served at the very epoch it was kept at, and at no other. One of another epoch
    goes when somebody asks for it, or when there is no room.

    Args:
        budget: bytes for values, keys and records; with 0 nothing is kept.
        clock: seconds, never going back.
    """

    def __init__(self, budget: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._clock = clock
        self._lock = threading.Lock()
        self._policy: S3Fifo[Hashable] = S3Fifo()
        self._kept: dict[Hashable, Answer] = {}
        self._asked: dict[tuple[Hashable, Hashable], Asked] = {}
        self._bytes = self._hits = self._misses = self._evictions = self._refused = 0

    def get(self, key: Hashable, epoch: Hashable) -> object | None:
        """The value kept under `key` at `epoch`. It is shared: nobody may change it."""
        with self._lock:
            slot = self._policy.find(key)
            if slot is None:
                self._misses += 1
                return None
            kept = self._kept[key]
            if kept.epoch != epoch or self._clock() >= kept.until:
                self._misses += 1
                self._drop(key)
                return None
            self._hits += 1
            self._policy.touch(slot)
            return kept.value

    def put(
        self,
        key: Hashable,
        value: object,
        size: int,
        *,
        epoch: Hashable,
        scope: Hashable = None,
        seconds: float = math.inf,
        asked: Hashable = None,
    ) -> bool:
        """Keeps a value; returns whether it was taken.

        Args:
            value: anything but None.
            size: its bytes, as the caller counts them; `ENTRY_BYTES` are added.
            epoch: where its scope stood before the answer was computed.
            scope: everything but the words of the question: kinds, filters, limit, model. A
                similar question may be served the answers of its own scope only.
            seconds: how long it lives.
            asked: the key under which the question's vector is kept among the rows, if it is to
                be found by similar questions.
        """
        size += ENTRY_BYTES
        with self._lock:
            self._drop(key)
            if size > self._budget or seconds <= 0:
                self._refused += 1
                return False
            while self._bytes + size > self._budget:
                self._forget(self._policy.evict())
                self._evictions += 1
            self._policy.admit(key)
            self._kept[key] = Answer(value, size, epoch, scope, self._clock() + seconds, asked)
            self._bytes += size
            if asked is not None:
                place = scope, epoch
                if place not in self._asked:
                    self._asked[place] = Asked()
                self._asked[place].add(key, asked)
            return True

    def questions(self, scope: Hashable, epoch: Hashable) -> Questions | None:
        """The questions answered in a scope at an epoch that have vectors; None without any."""
        with self._lock:
            asked = self._asked.get((scope, epoch))
            return None if asked is None else asked.questions()

    def learn(self, questions: Questions) -> None:
        """Notes where the rows of `questions` lie now, for the next who asks for them."""
        with self._lock:
            questions.of.learn(questions)

    def drop(self, key: Hashable) -> bool:
        """Erases one answer."""
        with self._lock:
            return self._drop(key)

    def clear(self) -> int:
        """Erases every answer; returns how many."""
        with self._lock:
            erased = len(self._kept)
            self._policy = S3Fifo()
            self._kept.clear()
            self._asked.clear()
            self._bytes = 0
            return erased

    def figures(self) -> Figures:
        """The account."""
        with self._lock:
            return Figures(
                len(self._kept),
                self._bytes,
                self._budget,
                self._hits,
                self._misses,
                self._evictions,
                self._refused,
            )

    def _drop(self, key: Hashable) -> bool:
        if self._policy.drop(key) is None:
            return False
        self._forget(key)
        return True

    def _forget(self, key: Hashable) -> None:
        kept = self._kept.pop(key)
        self._bytes -= kept.bytes
        if kept.asked is not None:
            place = kept.scope, kept.epoch
            self._asked[place].remove(key)
            if not self._asked[place]:
                del self._asked[place]
