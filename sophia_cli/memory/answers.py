"""Cached answers and question vectors: keyed by scope and epoch, so that none can be stale.

They are kept twice: as objects in this process (the GPU tier), and in the hot cache, which other
processes share and which outlives this one. An answer is kept only when it was computed over an
index that owed nothing and no write came in between; it is served only at the very epochs it was
computed at, which are read from the records for every question.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import numpy as np

from sophia_cli.correlation import carried
from sophia_cli.errors import SophiaError, TierDown
from sophia_cli.memory.kept_answers import Kept, kept_of
from sophia_cli.memory.model import Kind, Memory, Vector
from sophia_cli.memory.ports import CacheFigures, HotCache
from sophia_cli.memory.recent import Recent
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.wire import memory_from_json, memory_to_json
from sophia_cli.tiers.gpu_cache import GpuCache
from sophia_cli.tiers.records.outbox import Epochs

_ANSWERS = "answer:"
_VECTORS = "vector:"
_PROBE = "probe:"
# It ends by itself: to drop it, the whole cache would have to be looked through.
_PROBE_LIFETIME = 2.0
_FILL_TIMEOUT = 5.0
_VECTOR_LIFETIME = timedelta(days=1)
# An answer as objects takes so many times its JSON.
_OBJECTS = 3


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory that came back, with its score and what each signal added to it."""

    memory: Memory
    score: float
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question was answered with.

    Attributes:
        question: its text.
        found: the memories, best first.
        says: what the question was understood to say.
        until: when it is too old to be served.
    """

    question: str
    found: Sequence[Recalled]
    says: Mapping[str, Any]
    until: datetime

    def holds_at(self, moment: datetime) -> bool:
        """Whether it is young enough, and no memory in it has ended."""
        return moment < self.until and all(each.memory.live_at(moment) for each in self.found)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer to a request is kept: under a digest of the request, at its kinds' epochs.

    Attributes:
        epoch: `coding=5,business=7`.
    """

    name: str
    epoch: str


@dataclass(frozen=True, slots=True)
class Like:
    """What makes the answer to one question an answer to another: all but its words.

    Attributes:
        scope: kinds, filters, limit, weights, and what the question was understood to say.
        asked: the key of the question's vector.
        vector: float32, (dim,), L2-normalised.
    """

    scope: str
    asked: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long cached answers live, for each kind, and figures over the whole store."""

    answers: Mapping[Kind, timedelta]
    aggregate: timedelta


class AnswerCache:
    """Answers and question vectors, in this process and in the hot cache.

    Args:
        front: the tier in this process.
        cache: the hot cache.
        store: the store's id; several stores may share one Redis.
        lifetimes: how long answers live.

    Attributes:
        recent: what the records said of single memories; it is erased with the answers.
    """

    def __init__(self, front: GpuCache, cache: HotCache, store: UUID, lifetimes: Lifetimes) -> None:
        self._front = front
        self._cache = cache
        self._prefix = f"{store}:"
        self.lifetimes = lifetimes
        self.recent = Recent()
        # One thread fills the caches, so that no answer waits for it.
        self._filler = ThreadPoolExecutor(1, "answers")
        self._filling: dict[str, Future[None]] = {}

    def place(self, request: Mapping[str, Any], kinds: Sequence[Kind], epochs: Epochs) -> Place:
        """Where the answer to a request belongs at these epochs."""
        moments = ",".join(f"{kind.value}={epochs.values[kind]}" for kind in kinds)
        return Place(digest(request), moments)

    def get(self, place: Place, now: datetime, trace: Trace) -> list[Recalled] | None:
        """The answer kept at a place, unless it is too old or a memory in it has ended since."""
        filling = self._filling.get(place.name)
        if filling is not None:
            wait([filling], _FILL_TIMEOUT)
        answer, served_by = self._from_front(place, trace), "gpu_cache"
        if answer is None:
            answer, served_by = self._from_hot_cache(place, now, trace), "hot_cache"
        if answer is None or not answer.holds_at(now):
            return None
        trace.served_by, trace.says = served_by, dict(answer.says)
        return list(answer.found)

    def get_like(
        self, place: Place, like: Like, least: float, question: str, now: datetime, trace: Trace
    ) -> list[Recalled] | None:
        """The answer to the nearest question of this scope and epoch; the trace names both.

        Args:
            least: the cosine below which it is another question.
            question: the text that is asked now.
        """
        with trace.tier("gpu_cache"):
            near = self._front.nearest_question(like.vector, like.scope, place.epoch, least)
        if near is None:
            return None
        answer = cast(Answer, near.value)
        if not answer.holds_at(now):
            return None
        trace.served_by, trace.says = "semantic", dict(answer.says)
        trace.notes["semantic"] = {
            "asked": question,
            "answered": answer.question,
            "similarity": round(near.similarity, 4),
        }
        return list(answer.found)

    def keep(
        self,
        place: Place,
        answer: Answer,
        now: datetime,
        still_holds: Callable[[], bool],
        like: Like | None = None,
    ) -> None:
        """Keeps an answer until it is too old; returns at once.

        Args:
            still_holds: asked once it is stored, so that no write can slip in between; an answer
                that does not hold any more is erased.
            like: by what questions like this one find it, if they are to.
        """
        key, seconds = self._key(place), (answer.until - now).total_seconds()

        def fill() -> None:
            value = _to_json(answer)
            self._put_in_front(place, answer, len(value), seconds, like)
            with contextlib.suppress(SophiaError):
                self._cache.put(key, value, seconds)
            holds = False
            with contextlib.suppress(SophiaError):
                holds = still_holds()
            if not holds:
                self._front.answers.drop(place.name)
                with contextlib.suppress(SophiaError):
                    self._cache.drop(key)

        self._fill(place.name, fill)

    def lifetime(self, kinds: Sequence[Kind]) -> timedelta:
        """How long an answer about these kinds lives."""
        return min(self.lifetimes.answers[kind] for kind in kinds)

    def aggregate(
        self, name: str, epochs: Epochs, compute: Callable[[], dict[str, Any]], trace: Trace
    ) -> dict[str, Any]:
        """Figures over the whole store, counted again after a write or after their lifetime."""
        key = self._key(self.place({"aggregate": name}, list(Kind), epochs))
        kept = self._ask(trace, lambda: self._cache.get(key))
        if kept is not None:
            with contextlib.suppress(ValueError):
                found: dict[str, Any] = json.loads(kept)
                return found
        figures = compute()
        value = json.dumps(figures).encode()
        seconds = self.lifetimes.aggregate.total_seconds()
        self._ask(trace, lambda: self._cache.put(key, value, seconds))
        return figures

    def erase_answers(self) -> int:
        """Erases every answer of the store; returns how many the hot cache had.

        Raises:
            TierDown: the hot cache could not be reached, so that erasure cannot be claimed.
        """
        self.erase_here()
        return self._cache.drop(f"{self._prefix}{_ANSWERS}")

    def kept(self, limit: int) -> Iterator[Kept]:
        """What the hot cache keeps of this store, `limit` entries at most.

        Raises:
            TierDown: it could not be reached.
        """
        return kept_of(self._cache.entries(self._prefix, limit), self._prefix)

    def erase_kept(self) -> int:
        """Erases all of the store, vectors of questions included; returns how much there was.

        Raises:
            TierDown: the hot cache could not be reached.
        """
        self.erase_here()
        return self._cache.drop(self._prefix)

    def erase_here(self) -> None:
        """Erases all that this process keeps: answers, and the vectors of memories."""
        wait(list(self._filling.values()), _FILL_TIMEOUT)
        self.recent.clear()
        self._front.clear()

    def vector(self, model: str, text: str, trace: Trace) -> Vector | None:
        """The vector of a question asked before."""
        key = self._vector_key(model, text)
        if self._front.settings.vectors:
            vector = cast("Vector | None", self._front.answers.get(key, None))
            trace.look_up("gpu_cache", "vectors", found=vector is not None)
            if vector is not None:
                return vector
        kept = self._ask(trace, lambda: self._cache.get(key))
        trace.look_up("hot_cache", "vectors", found=kept is not None)
        if kept is None or len(kept) % 4:
            return None
        vector = np.frombuffer(kept, "<f4")
        self._put_vector_in_front(key, vector)
        return vector

    def keep_vector(self, model: str, text: str, vector: Vector) -> None:
        """Keeps the vector of a question; returns at once."""
        key, value = self._vector_key(model, text), vector.astype("<f4").tobytes()
        self._put_vector_in_front(key, vector)

        def fill() -> None:
            with contextlib.suppress(TierDown):
                self._cache.put(key, value, _VECTOR_LIFETIME.total_seconds())

        self._fill(key, fill)

    def figures(self) -> CacheFigures | None:
        """What the tier says of itself; see `HotCache.figures`."""
        return self._cache.figures()

    def probe(self) -> bool:
        """Puts a value into the hot cache and gets it back; False where there is none.

        Raises:
            TierDown: it could not, or something else came back.
        """
        if self._cache.figures() is None:
            return False
        value = secrets.token_bytes(16)
        key = f"{self._prefix}{_PROBE}{value.hex()}"
        self._cache.put(key, value, _PROBE_LIFETIME)
        if self._cache.get(key) != value:
            raise TierDown("hot_cache", "a value that was put is not there")
        return True

    def close(self) -> None:
        """Finishes what is being filled, and releases the tiers."""
        self._filler.shutdown()
        self._cache.close()
        self._front.close()

    def _from_front(self, place: Place, trace: Trace) -> Answer | None:
        if not self._front.settings.answers:
            return None
        with trace.tier("gpu_cache"):
            kept = self._front.answers.get(place.name, place.epoch)
        trace.look_up("gpu_cache", "answers", found=kept is not None)
        return cast("Answer | None", kept)

    def _from_hot_cache(self, place: Place, now: datetime, trace: Trace) -> Answer | None:
        kept = self._ask(trace, lambda: self._cache.get(self._key(place)))
        trace.look_up("hot_cache", "answers", found=kept is not None)
        if kept is None:
            return None
        try:
            answer = _from_json(kept)
        except (ValueError, KeyError, TypeError):
            trace.degrade("hot_cache: an unreadable answer was passed over")
            return None
        self._put_in_front(place, answer, len(kept), (answer.until - now).total_seconds())
        return answer

    def _put_in_front(
        self, place: Place, answer: Answer, size: int, seconds: float, like: Like | None = None
    ) -> None:
        if not self._front.settings.answers:
            return
        if like is not None:
            self._front.rows.put([like.asked], like.vector[None])
        self._front.answers.put(
            place.name,
            answer,
            _OBJECTS * size,
            epoch=place.epoch,
            scope=None if like is None else like.scope,
            seconds=seconds,
            asked=None if like is None else like.asked,
        )

    def _put_vector_in_front(self, key: str, vector: Vector) -> None:
        if self._front.settings.vectors:
            self._front.answers.put(key, vector, vector.nbytes, epoch=None)

    def _fill(self, key: str, fill: Callable[[], None]) -> None:
        filling = self._filler.submit(carried(fill))
        self._filling[key] = filling
        filling.add_done_callback(lambda _: self._filling.pop(key, None))

    def _key(self, place: Place) -> str:
        return f"{self._prefix}{_ANSWERS}{place.epoch}:{place.name}"

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


def digest(request: Mapping[str, Any]) -> str:
    """The same for equal requests, in every process: 64 hex digits."""
    text = json.dumps(request, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _to_json(answer: Answer) -> bytes:
    rows = [
        {
            "memory": memory_to_json(recalled.memory),
            "score": recalled.score,
            "parts": dict(recalled.parts),
        }
        for recalled in answer.found
    ]
    record = {
        "question": answer.question,
        "found": rows,
        "says": dict(answer.says),
        "until": answer.until.isoformat(),
    }
    return json.dumps(record, ensure_ascii=False).encode()


def _from_json(kept: bytes) -> Answer:
    record = json.loads(kept)
    return Answer(
        record["question"],
        [
            Recalled(memory_from_json(row["memory"]), row["score"], row["parts"])
            for row in record["found"]
        ],
        dict(record["says"]),
        datetime.fromisoformat(record["until"]),
    )
