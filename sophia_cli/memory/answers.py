"""Cached answers and question vectors: keyed by scope and epoch, so that none can be stale.

An answer is kept only when it was computed over an index that owed nothing and no write came in
between; it is served only at the very epochs it was computed at.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from sophia_cli.errors import SophiaError, TierDown
from sophia_cli.memory.model import Kind, Memory, Vector
from sophia_cli.memory.ports import HotCache
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.wire import memory_from_json, memory_to_json
from sophia_cli.tiers.records.outbox import Epochs

_ANSWERS = "answer:"
_VECTORS = "vector:"
_FILL_TIMEOUT = 5.0
_VECTOR_LIFETIME = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory that came back, with its score and what each signal added to it."""

    memory: Memory
    score: float
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long cached answers live, for each kind, and figures over the whole store."""

    answers: Mapping[Kind, timedelta]
    aggregate: timedelta


class AnswerCache:
    """Answers and question vectors in the hot cache.

    Args:
        cache: the tier.
        store: the store's id; several stores may share one Redis.
        lifetimes: how long answers live.
    """

    def __init__(self, cache: HotCache, store: UUID, lifetimes: Lifetimes) -> None:
        self._cache = cache
        self._prefix = f"{store}:"
        self._lifetimes = lifetimes
        # One thread fills the cache, so that no answer waits for it.
        self._filler = ThreadPoolExecutor(1, "answers")
        self._filling: dict[str, Future[None]] = {}

    def key(self, request: Mapping[str, Any], kinds: Sequence[Kind], epochs: Epochs) -> str:
        """The key of a request's answer at these epochs."""
        digest = hashlib.sha256(
            json.dumps(request, sort_keys=True, ensure_ascii=False, default=str).encode()
        ).hexdigest()
        moments = ",".join(f"{kind.value}={epochs.values[kind]}" for kind in kinds)
        return f"{self._prefix}{_ANSWERS}{moments}:{digest}"

    def get(self, key: str, now: datetime, trace: Trace) -> list[Recalled] | None:
        """The answer kept under `key`, unless a memory in it has ended since."""
        filling = self._filling.get(key)
        if filling is not None:
            wait([filling], _FILL_TIMEOUT)
        kept = self._ask(trace, lambda: self._cache.get(key))
        if kept is None:
            return None
        try:
            answer = json.loads(kept)
            found = [
                Recalled(memory_from_json(record["memory"]), record["score"], record["parts"])
                for record in answer["found"]
            ]
            says = dict(answer["says"])
        except (ValueError, KeyError, TypeError):
            trace.degrade("hot_cache: an unreadable answer was passed over")
            return None
        if not all(recalled.memory.live_at(now) for recalled in found):
            return None
        trace.says = says
        return found

    def keep(
        self,
        key: str,
        found: Sequence[Recalled],
        says: Mapping[str, Any],
        kinds: Sequence[Kind],
        still_holds: Callable[[], bool],
    ) -> None:
        """Keeps an answer for the shortest lifetime of its kinds; returns at once.

        Args:
            says: what the question was understood to say.
            still_holds: asked once it is stored, so that no write can slip in between; an answer
                that does not hold any more is erased.
        """

        def fill() -> None:
            with contextlib.suppress(SophiaError):
                self._cache.put(key, _to_json(found, says), self._lifetime(kinds))
                holds = False
                try:
                    holds = still_holds()
                finally:
                    if not holds:
                        self._cache.drop(key)

        self._fill(key, fill)

    def aggregate(
        self, name: str, epochs: Epochs, compute: Callable[[], dict[str, Any]], trace: Trace
    ) -> dict[str, Any]:
        """Figures over the whole store, counted again after a write or after their lifetime."""
        key = self.key({"aggregate": name}, list(Kind), epochs)
        kept = self._ask(trace, lambda: self._cache.get(key))
        if kept is not None:
            with contextlib.suppress(ValueError):
                found: dict[str, Any] = json.loads(kept)
                return found
        figures = compute()
        value = json.dumps(figures).encode()
        seconds = self._lifetimes.aggregate.total_seconds()
        self._ask(trace, lambda: self._cache.put(key, value, seconds))
        return figures

    def erase_answers(self) -> int:
        """Erases every answer of the store; returns how many.

        Raises:
            TierDown: the cache could not be reached, so that erasure cannot be claimed.
        """
        wait(list(self._filling.values()), _FILL_TIMEOUT)
        return self._cache.drop(f"{self._prefix}{_ANSWERS}")

    def vector(self, model: str, text: str, trace: Trace) -> Vector | None:
        """The vector of a question asked before."""
        kept = self._ask(trace, lambda: self._cache.get(self._vector_key(model, text)))
        return None if kept is None else np.frombuffer(kept, "<f4")

    def keep_vector(self, model: str, text: str, vector: Vector) -> None:
        """Keeps the vector of a question; returns at once."""
        key, value = self._vector_key(model, text), vector.astype("<f4").tobytes()

        def fill() -> None:
            with contextlib.suppress(TierDown):
                self._cache.put(key, value, _VECTOR_LIFETIME.total_seconds())

        self._fill(key, fill)

    def close(self) -> None:
        """Finishes what is being filled, and releases the tier."""
        self._filler.shutdown()
        self._cache.close()

    def _fill(self, key: str, fill: Callable[[], None]) -> None:
        filling = self._filler.submit(fill)
        self._filling[key] = filling
        filling.add_done_callback(lambda _: self._filling.pop(key, None))

    def _lifetime(self, kinds: Sequence[Kind]) -> float:
        return min(self._lifetimes.answers[kind] for kind in kinds).total_seconds()

    def _vector_key(self, model: str, text: str) -> str:
        return f"{self._prefix}{_VECTORS}{model}:{hashlib.sha256(text.encode()).hexdigest()}"

    @staticmethod
    def _ask(trace: Trace, call: Any) -> Any:
        """Asks the cache; a cache that is down costs speed, never an answer."""
        try:
            with trace.tier("hot_cache"):
                return call()
        except TierDown as error:
            trace.degrade(error.message)
            return None


def _to_json(found: Sequence[Recalled], says: Mapping[str, Any]) -> bytes:
    rows = [
        {
            "memory": memory_to_json(recalled.memory),
            "score": recalled.score,
            "parts": dict(recalled.parts),
        }
        for recalled in found
    ]
    return json.dumps({"says": dict(says), "found": rows}, ensure_ascii=False).encode()
