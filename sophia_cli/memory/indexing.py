"""The index follows the records: what the outbox owes is read, written to the vectors, struck.

An entry of the outbox says only "this memory may differ". Its truth is read when it is applied, so
that applying twice, late or out of order ends in the same index.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np

from sophia_cli.environment import utc_now
from sophia_cli.errors import OutOfSpace, Refused, TextRefused, TierDown
from sophia_cli.logs.events import log
from sophia_cli.memory.digest import point_digest
from sophia_cli.memory.model import KINDS, NEARNESS, IndexEntry, Kind, Memory, Vector
from sophia_cli.memory.ports import Embedder, Vectors
from sophia_cli.memory.seal import seal_of
from sophia_cli.memory.shape import shape_of
from sophia_cli.memory.words import embedded_text, indexed_text
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.outbox import Owed, Truth

_BATCH = 256
# A write applies its own entries at once; the background takes those that somebody left behind.
_LEFT_BEHIND = timedelta(seconds=2)


class Indexer:
    """Applies the outbox to the vectors. One at a time in a process."""

    def __init__(self, records: Records, vectors: Vectors, embedder: Embedder) -> None:
        self._records = records
        self._vectors = vectors
        self._embedder = embedder
        self._lock = threading.Lock()
        self.last_error: str | None = None

    def apply(self, owed: Sequence[Owed]) -> None:
        """Brings the points of these memories in line now.

        Raises:
            TierDown: the vectors, or the embedder of a memory without a vector, cannot serve; what
                is not done stays owed.
            OutOfSpace: the same, because the disk of the vectors is full.
        """
        for start in range(0, len(owed), _BATCH):
            with self._lock:
                self._apply(owed[start : start + _BATCH])

    def drain(self, *, everything: bool = False) -> int:
        """Applies one batch of what is owed, oldest first; returns how many entries it took."""
        with self._lock:
            waited = timedelta(0) if everything else _LEFT_BEHIND
            owed = self._records.outbox.owed(_BATCH, older_than=waited)
            self._apply(owed)
            if owed:
                log.info("index drained", entries=len(owed))
            return len(owed)

    def expected(self, ids: Sequence[UUID]) -> dict[UUID, IndexEntry]:
        """What the index ought to hold of these memories by the records; nothing is written.

        Left out are those that ought not to be there, and those without a vector.
        """
        truth, now = self._records.outbox.truth(ids), utc_now()
        made = {id_: turn.vector for id_, turn in truth.turns.items() if turn.vector is not None}
        return {
            id_: _entry(truth.turns[id_].memory, made[id_], truth, made)
            for id_ in ids
            if id_ in made and truth.turns[id_].memory.live_at(now)
        }

    def _apply(self, owed: Sequence[Owed]) -> None:
        if not owed:
            return
        outbox = self._records.outbox
        try:
            done, down = self._write(owed)
        except (TierDown, OutOfSpace) as error:
            self._owe(error, len(owed))
            outbox.failed([entry.memory_id for entry in owed], error.message)
            raise
        outbox.acknowledge(done)
        if waiting := {entry.memory_id for entry in owed} - {entry.memory_id for entry in done}:
            left = down or TextRefused(
                "embedding", f"{len(waiting)} memories wait for their vectors"
            )
            self._owe(left, len(waiting))
            outbox.failed(list(waiting), left.message)
            raise left
        self.last_error = None

    def _owe(self, error: TierDown | OutOfSpace, entries: int) -> None:
        if error.message != self.last_error:
            tier = error.tier if isinstance(error, TierDown) else "vectors"
            log.warning("index owed", tier=tier, code=error.code, entries=entries)
        self.last_error = error.message

    def _write(self, owed: Sequence[Owed]) -> tuple[list[Owed], TierDown | None]:
        """Writes what can be written.

        Returns:
            The entries that are in the index now, and why the embedder could not make what the
            others lack; None where it will not take them.
        """
        now = utc_now()
        truth = self._records.outbox.truth([entry.memory_id for entry in owed])
        made, down = self._missing_vectors(truth, now, {entry.memory_id for entry in owed})
        upserts: dict[Kind, list[IndexEntry]] = {kind: [] for kind in KINDS}
        deletes: dict[Kind, list[UUID]] = {kind: [] for kind in KINDS}
        done = []
        for entry in owed:
            turn = truth.turns.get(entry.memory_id)
            if turn is None or not turn.memory.live_at(now):
                for kind in KINDS:
                    deletes[kind].append(entry.memory_id)
            else:
                memory = turn.memory
                vector = made.get(memory.id)
                if vector is None:
                    continue
                upserts[memory.kind].append(_entry(memory, vector, truth, made))
                if memory.version > 1:
                    # Its kind may have been changed; in the other collection it is not wanted.
                    for kind in KINDS:
                        if kind is not memory.kind:
                            deletes[kind].append(memory.id)
            done.append(entry)
        for kind in KINDS:
            if deletes[kind]:
                self._vectors.delete(kind, deletes[kind])
            if upserts[kind]:
                self._vectors.upsert(kind, upserts[kind])
        return done, down

    def _missing_vectors(
        self, truth: Truth, now: datetime, writing: Collection[UUID]
    ) -> tuple[dict[UUID, Vector], TierDown | None]:
        """The vectors of all turns, those that the embedder owed made now; why it could not."""
        made = {id_: turn.vector for id_, turn in truth.turns.items() if turn.vector is not None}
        lacking = [
            turn.memory
            for id_, turn in truth.turns.items()
            if id_ not in made and turn.memory.live_at(now)
        ]
        if lacking:
            try:
                model, dimension = self._embedder.model, self._embedder.dimension
                self._records.models.adopt(model, dimension)
                embedded = self._embedded(lacking)
            except TierDown as error:
                if error.tier != "embedding":
                    raise
                return made, error
            except Refused:
                return made, None  # Of another model than the store: they stay owed.
            self._records.models.put(
                model, dimension, [memory for memory, _ in embedded], [v for _, v in embedded]
            )
            made.update((memory.id, vector) for memory, vector in embedded)
            # Each is part of the entries around it, which may have been written without it.
            self._records.outbox.owe_around([memory.id for memory, _ in embedded], writing)
        return made, None

    def _embedded(self, memories: Sequence[Memory]) -> list[tuple[Memory, Vector]]:
        """Memories with their vectors; one by one when the embedder will not take one of them."""
        try:
            vectors = self._embedder.embed([embedded_text(memory) for memory in memories])
            return list(zip(memories, vectors, strict=True))
        except TextRefused:
            if len(memories) == 1:
                return []
            return [pair for memory in memories for pair in self._embedded([memory])]


def _entry(memory: Memory, vector: Vector, truth: Truth, made: dict[UUID, Vector]) -> IndexEntry:
    around = truth.around.get(memory.id, {})
    context = vector.astype(np.float32, copy=True)
    for place, id_ in around.items():
        if id_ in made:
            context += NEARNESS[place] * made[id_]
    context /= max(float(np.linalg.norm(context)), 1e-12)
    entry = IndexEntry(
        id=memory.id,
        kind=memory.kind,
        dense=vector,
        context=context,
        text=indexed_text(memory),
        around={place: indexed_text(truth.turns[id_].memory) for place, id_ in around.items()},
        user=memory.user,
        agent=memory.agent,
        session=memory.session,
        turn=memory.turn,
        speaker=memory.speaker,
        at=(memory.said_at or memory.created_at).timestamp(),
        tags=tuple(f"{key}={value}" for key, value in memory.tags.items()),
        shape=shape_of(memory.content),
        memory=memory,
    )
    digest = point_digest(
        truth.turns[memory.id].digest,
        vector,
        {place: (truth.turns[id_].digest, made.get(id_)) for place, id_ in around.items()},
    )
    return replace(entry, seal=seal_of(entry, digest))
