"""The service: remember, recall, update, link, forget. What every face of sophia calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sophia_cli.environment import utc_now
from sophia_cli.errors import ConfigurationError, NotFound, OutOfSpace, SophiaError, TierDown
from sophia_cli.logs.events import log
from sophia_cli.memory.answers import AnswerCache, Lifetimes, Recalled
from sophia_cli.memory.classify import classify
from sophia_cli.memory.identity import content_hash
from sophia_cli.memory.indexing import Indexer
from sophia_cli.memory.meters import Meters
from sophia_cli.memory.model import KINDS, Draft, Kind, Memory, Vector
from sophia_cli.memory.noting import Noted
from sophia_cli.memory.ports import Embedder, HotCache, Vectors
from sophia_cli.memory.recalling import Question, Recaller
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_draft
from sophia_cli.memory.words import embedded_text
from sophia_cli.tiers.gpu_cache import GpuCache
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.database import Connection
from sophia_cli.tiers.records.memories import NewMemory, Stored
from sophia_cli.tiers.records.outbox import Owed

# How long a device that failed is left alone, seconds.
_FRONT_AGAIN = 30.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """What became of a draft: its id, whether it is new, its kind and why it is of that kind."""

    id: UUID
    created: bool
    kind: Kind
    why: str


Also = Callable[[Connection, Sequence[Remembered]], None]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of one erasure, each tier read back: `erased`, or what is still to be done and why."""

    id: UUID
    tiers: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether nothing of the memory is left in any tier."""
        return all(state == "erased" for state in self.tiers.values())


class MemoryService:
    """One memory over its tiers. Safe to use from many threads.

    Args:
        records, vectors, embedder, front, cache: the tiers; `front` is the one in this process.
        lifetimes: how long cached answers live.
        similar_from: see `Recaller`.
    """

    def __init__(
        self,
        records: Records,
        vectors: Vectors,
        embedder: Embedder,
        front: GpuCache,
        cache: HotCache,
        lifetimes: Lifetimes,
        similar_from: float | None = None,
    ) -> None:
        self.records = records
        self.vectors = vectors
        self.embedder = embedder
        self.front = front
        self.answers = AnswerCache(front, cache, records.models.current().store, lifetimes)
        self.indexer = Indexer(records, vectors, embedder)
        self.meters = Meters()
        self.started_at = utc_now()
        self.recaller = Recaller(records, vectors, embedder, front, self.answers, similar_from)
        self._forgets: int | None = None
        self.front_fault: str | None = None
        self._front_again = 0.0
        self._model_lock = threading.Lock()
        self._model_checked = False

    def warm_up(self) -> None:
        """Uses every tier once, so that the first question does not pay for what loads lazily."""
        self.recaller.recall(Question("warm up"), 1, utc_now(), Trace())

    def open_front(self) -> None:
        """Gives the tier in this process its device memory. It may import torch, which takes
        seconds; until then, and where there is no such device, it goes without vectors.
        """
        try:
            self.front.open(self.embedder.dimension)
        except ConfigurationError as error:
            self.front_fault = f"gpu_cache: {error.message}"
        except SophiaError:
            return  # The embedder does not say yet how long a vector is.
        else:
            self.front_fault = None
        self._front_again = time.monotonic() + _FRONT_AGAIN

    def warm_vectors(self, page: int, check: Callable[[], None]) -> int:
        """Brings the vectors of the newest memories into this process; returns how many.

        Args:
            page: how many are read at once.
            check: called between pages; raises when the caller has had enough.
        """
        return self.recaller.exact.warm(page, check)

    def remember(
        self, drafts: Sequence[Draft], now: datetime, trace: Trace, also: Also | None = None
    ) -> list[Remembered]:
        """Stores memories; acknowledged once row, audit event and outbox entry have committed.

        The same content in the same scope is one memory and keeps its id. A vector tier or an
        embedder that is down is owed its part, and the trace says so.

        Args:
            also: what is to be done in the transaction that stores them, told what becomes of the
                drafts; what it raises undoes all of it. Not done where there is nothing to store.

        Raises:
            InvalidInput: a draft cannot be stored; none of them is.
            Refused: the store is built with another model.
            TierDown: the records cannot be reached; nothing was acknowledged.
        """
        with self.meters.measure("remember", trace), Noted("remember", trace):
            drafts = [checked_draft(draft) for draft in drafts]
            decided = [_kind_of(draft) for draft in drafts]
            kinds = {kind for kind, _ in decided}
            trace.tell(0, kinds)
            hashes = [
                content_hash(draft, kind) for draft, (kind, _) in zip(drafts, decided, strict=True)
            ]
            with trace.tier("records"):
                known = self.records.memories.known(hashes, now)
            places = [place for place, digest in enumerate(hashes) if digest not in known]

            def outcome(stored: Sequence[Stored]) -> list[Remembered]:
                became = {
                    place: Stored(known[digest], False)
                    for place, digest in enumerate(hashes)
                    if digest in known
                } | dict(zip(places, stored, strict=True))
                return [
                    Remembered(became[place].id, became[place].created, kind, why)
                    for place, (kind, why) in enumerate(decided)
                ]

            if not places:
                return outcome(())
            fresh = [drafts[place] for place in places]
            vectors = self.embed([embedded_text(draft) for draft in fresh], trace)
            batch = [
                NewMemory(
                    drafts[place],
                    decided[place][0],
                    None if vectors is None else vectors[index],
                    {"kind": decided[place][1]},
                )
                for index, place in enumerate(places)
            ]
            with trace.tier("records"):
                written = self.records.memories.add(
                    batch,
                    now,
                    None if also is None else lambda within, stored: also(within, outcome(stored)),
                )
            self.index(written.owed, trace)
            remembered = outcome(written.stored)
            trace.tell(sum(each.created for each in remembered), kinds)
            self.meters.use("stored", (each.kind for each in remembered if each.created))
            return remembered

    def recall(
        self, question: Question, candidates: int, now: datetime, trace: Trace
    ) -> list[Recalled]:
        """The best memories for a question, best first; see `Recaller.recall`."""
        operation = "similar" if question.by_meaning else "recall"
        with self.meters.measure(operation, trace), Noted(operation, trace):
            self.meters.use("recalls", question.kinds)
            try:
                self._check_model()
            except TierDown as error:
                trace.answered[error.tier] = False
                trace.degrade(error.message)
            trace.tell(0, question.kinds)
            found = self.recaller.recall(question, candidates, now, trace)
            if self.front_fault is not None:
                trace.degrade(self.front_fault)
            if self.indexer.last_error is not None:
                trace.degrade(f"{self.indexer.last_error}: what was just stored may be missing")
            trace.tell(len(found), question.kinds)
            return found

    def update(
        self,
        id_: UUID,
        change: Mapping[str, Any],
        now: datetime,
        trace: Trace,
        *,
        version: int | None = None,
    ) -> Memory:
        """Changes fields of a memory; the audit trail keeps what it said before.

        Args:
            version: the only version that is to be changed; None for any.

        Raises:
            NotFound, InvalidInput, Conflict, TierDown: see `Memories.update`.
        """
        with self.meters.measure("update", trace), Noted("update", trace):
            before = self.get(id_)
            draft = checked_draft(
                Draft(
                    change.get("content", before.content),
                    speaker=change.get("speaker", before.speaker),
                    tags=change.get("tags", before.tags),
                )
            )
            cleaned = {
                name: getattr(draft, name) if name in ("content", "speaker", "tags") else value
                for name, value in change.items()
            }
            vector: Vector | None = None
            if "content" in change or "speaker" in change:
                made = self.embed([embedded_text(draft)], trace)
                vector = None if made is None else made[0]
            with trace.tier("records"):
                written = self.records.memories.update(id_, cleaned, vector, now, version)
            self.index(written.owed, trace)
            changed = self.get(id_)
            trace.tell(1, [changed.kind])
            return changed

    def link(self, source: UUID, relation: str, target: UUID, now: datetime, trace: Trace) -> bool:
        """Relates two memories; returns whether the link is new. See `Memories.link`."""
        with self.meters.measure("link", trace), Noted("link", trace):
            with trace.tier("records"):
                written = self.records.memories.link(source, relation, target, now)
            self.index(written.owed, trace)
            trace.tell(int(written.stored[0].created), ())
            return written.stored[0].created

    def forget(
        self, ids: Sequence[UUID], now: datetime, trace: Trace, *, version: int | None = None
    ) -> list[Receipt]:
        """Erases memories from every tier and reads each back.

        What a tier that is down still holds is owed to it and erased as soon as it answers; the
        receipt says so. Until then the records see to it that it is never recalled.

        Args:
            version: the only version that is to be erased; None for any.

        Raises:
            Conflict, TierDown: see `Memories.forget`.
        """
        with self.meters.measure("forget", trace), Noted("forget", trace):
            with trace.tier("records"):
                written = self.records.memories.forget(ids, now, version)
            self.index(written.owed, trace)
            in_vectors = self._still_in_vectors(ids, trace)
            self.recaller.withhold(in_vectors)
            in_answers = self.erase_answers(trace)
            with trace.tier("records"):
                rows = self.records.queries.get(ids)
            trace.tell(sum(_is_blank(rows.get(id_)) for id_ in ids), ())
            return [
                Receipt(
                    id_,
                    {
                        "records": "erased" if _is_blank(rows.get(id_)) else "still there",
                        "vectors": in_vectors.get(id_, "erased"),
                        "gpu_cache": "erased",
                        "hot_cache": in_answers or "erased",
                    },
                )
                for id_ in ids
            ]

    def get(self, id_: UUID) -> Memory:
        """One memory.

        Raises:
            NotFound: there is none, or it was forgotten.
        """
        return present(self.records.queries.get([id_]).get(id_), id_)

    def erase_answers(self, trace: Trace) -> str | None:
        """Erases cached answers that a forget made unwanted; returns why it could not, if so."""
        try:
            with trace.tier("hot_cache"):
                erased = self.answers.erase_answers()
        except TierDown as error:
            trace.degrade(error.message)
            return f"to be erased when it answers again ({error.message})"
        with trace.tier("records"):
            self.records.outbox.answers_erased()
        log.info("answers erased", hot_cache=erased)
        return None

    def follow(self) -> None:
        """Lets go of what this process keeps, once another one has forgotten a memory.

        It could not be served any more; this is so that its words are gone. And a device that
        failed, or could not be opened yet, is tried again now and then.
        """
        if not self.front.is_open and time.monotonic() > self._front_again:
            self.open_front()
        forgets = self.records.outbox.epochs().forgets
        if self._forgets not in (None, forgets):
            self.answers.erase_here()
            log.info("answers erased", cause="another process forgot a memory")
        self._forgets = forgets

    def close(self) -> None:
        """Closes every tier."""
        for close in (
            self.vectors.close,
            self.answers.close,
            self.embedder.close,
            self.records.close,
        ):
            close()

    def embed(self, texts: Sequence[str], trace: Trace) -> Sequence[Vector] | None:
        """Vectors of texts, or None while the embedder is down: the index will ask again."""
        try:
            with trace.tier("embedding"):
                self._check_model()
                return list(self.embedder.embed(texts))
        except TierDown as error:
            if error.tier != "embedding":
                raise
            trace.degrade(f"{error.message}: stored, to be indexed when it answers again")
            return None

    def index(self, owed: Sequence[Owed], trace: Trace) -> None:
        """Brings the index in line for these memories; a tier that cannot is owed its part."""
        if not owed:
            return
        try:
            with trace.tier("vectors"):
                self.indexer.apply(owed)
        except (TierDown, OutOfSpace) as error:
            trace.degrade(f"{error.message}: stored, to be indexed when it answers again")

    def _still_in_vectors(self, ids: Sequence[UUID], trace: Trace) -> dict[UUID, str]:
        """For each memory that the vectors may still hold, why."""
        try:
            with trace.tier("vectors"):
                found = {id_ for kind in KINDS for id_ in self.vectors.present(kind, ids)}
        except TierDown as error:
            trace.degrade(error.message)
            return dict.fromkeys(ids, f"to be erased when it answers again ({error.message})")
        return dict.fromkeys(found, "still there")

    def _check_model(self) -> None:
        """Adopts the embedder's model for a new store; refuses another one on an old store."""
        if not self._model_checked:
            with self._model_lock:
                self.records.models.adopt(self.embedder.model, self.embedder.dimension)
                self._model_checked = True


def _kind_of(draft: Draft) -> tuple[Kind, str]:
    if draft.kind is not None:
        return draft.kind, "given"
    verdict = classify(embedded_text(draft))
    return verdict.kind, verdict.reason


def present(memory: Memory | None, id_: UUID) -> Memory:
    """The memory that the records gave for an id.

    Raises:
        NotFound: they gave none, or it was forgotten.
    """
    if memory is None:
        raise NotFound(f"no memory {id_}", "sophia list shows what there is")
    if memory.forgotten_at is not None:
        raise NotFound(
            f"memory {id_} was forgotten on {memory.forgotten_at:%Y-%m-%d}",
            f"sophia history {id_} shows its audit trail",
        )
    return memory


def _is_blank(memory: Memory | None) -> bool:
    return memory is None or (memory.forgotten_at is not None and not memory.content)
