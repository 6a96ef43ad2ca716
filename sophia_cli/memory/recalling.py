"""Recall: from a question to the best memories, through the tiers that can answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sophia_cli.errors import TierDown
from sophia_cli.memory.answers import AnswerCache, Recalled
from sophia_cli.memory.model import KINDS, Kind, Vector, Where
from sophia_cli.memory.ports import Embedder, Vectors
from sophia_cli.memory.ranking import rank
from sophia_cli.memory.trace import Trace
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.outbox import Epochs


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the text, which kinds and scope, and how many memories are wanted."""

    text: str
    kinds: Sequence[Kind] = KINDS
    where: Where = field(default_factory=Where)
    limit: int = 10
    by_meaning: bool = False


class Recaller:
    """Answers questions. `candidates` is how many each signal brings."""

    def __init__(
        self,
        records: Records,
        vectors: Vectors,
        embedder: Embedder,
        answers: AnswerCache,
    ) -> None:
        self._records = records
        self._vectors = vectors
        self._embedder = embedder
        self._answers = answers

    def recall(
        self, question: Question, candidates: int, now: datetime, trace: Trace
    ) -> list[Recalled]:
        """The best memories, best first.

        With the vectors or the embedder down, PostgreSQL's full-text search answers, and the trace
        says so. A cached answer is served only at the epochs at which it was computed.

        Raises:
            TierDown: the records cannot be reached.
        """
        with trace.tier("records"):
            epochs = self._records.outbox.epochs()
        key = self._answers.key(_request(question, candidates), question.kinds, epochs)
        kept = self._answers.get(key, now, trace)
        if kept is not None:
            trace.served_by = "hot_cache"
            return kept
        try:
            found = self._search(question, candidates, now, trace)
            trace.served_by = "vectors"
        except TierDown as error:
            if error.tier == "records":
                raise
            trace.degrade(f"{error.message}: answered by full-text search")
            trace.served_by = "records"
            return self._by_words(question, now, trace)
        if not epochs.owing.intersection(question.kinds):
            self._answers.keep(key, found, question.kinds, lambda: self._still_at(epochs))
        return found

    def _search(
        self, question: Question, candidates: int, now: datetime, trace: Trace
    ) -> list[Recalled]:
        vector = self._question_vector(question.text, trace)
        limit = max(candidates, question.limit)
        while True:
            if question.by_meaning:
                found, exhausted = self._nearest(question, vector, limit, now, trace)
            else:
                found, exhausted = self._fused(question, vector, limit, now, trace)
            if len(found) >= question.limit or exhausted:
                return found[: question.limit]
            # What the records no longer hold as live is left out; look further down the list.
            limit *= 4

    def _fused(
        self, question: Question, vector: Vector, limit: int, now: datetime, trace: Trace
    ) -> tuple[list[Recalled], bool]:
        with trace.tier("vectors"):
            brought = [
                self._vectors.candidates(kind, vector, question.text, question.where, limit)
                for kind in question.kinds
            ]
        with trace.tier("ranking"):
            ranked = rank(brought)
        # Some more than asked for, in case a few have ended since they were indexed.
        wanted = ranked.ids[: question.limit + 10]
        with trace.tier("records"):
            memories = self._records.queries.get(wanted)
        found = []
        for place, id_ in enumerate(wanted):
            memory = memories.get(id_)
            if memory is not None and memory.live_at(now):
                parts = zip(ranked.signals, ranked.parts[place].tolist(), strict=True)
                found.append(
                    Recalled(
                        memory,
                        round(float(ranked.scores[place]), 4),
                        {name: round(part, 4) for name, part in parts},
                    )
                )
        exhausted = len(wanted) == len(ranked.ids) or limit > 50 * question.limit
        return found, exhausted

    def _nearest(
        self, question: Question, vector: Vector, limit: int, now: datetime, trace: Trace
    ) -> tuple[list[Recalled], bool]:
        with trace.tier("vectors"):
            nearest = [
                pair
                for kind in question.kinds
                for pair in self._vectors.nearest(kind, vector, question.where, limit)
            ]
        nearest.sort(key=lambda pair: -pair[1])
        wanted = dict(nearest[: question.limit + 10])
        with trace.tier("records"):
            memories = self._records.queries.get(list(wanted))
        found = [
            Recalled(memories[id_], round(score, 4), {"dense": round(score, 4)})
            for id_, score in wanted.items()
            if id_ in memories and memories[id_].live_at(now)
        ]
        return found, len(wanted) == len(nearest) or limit > 50 * question.limit

    def _by_words(self, question: Question, now: datetime, trace: Trace) -> list[Recalled]:
        with trace.tier("records"):
            rows = self._records.queries.by_words(
                question.text, question.where, question.kinds, question.limit, now=now
            )
        return [
            Recalled(memory, round(score, 4), {"words": round(score, 4)}) for memory, score in rows
        ]

    def _still_at(self, epochs: Epochs) -> bool:
        return self._records.outbox.epochs().values == epochs.values

    def _question_vector(self, text: str, trace: Trace) -> Vector:
        model = self._embedder.model
        kept = self._answers.vector(model, text, trace)
        if kept is not None:
            return kept
        with trace.tier("embedding"):
            vector: Vector = self._embedder.embed([text])[0]
        self._answers.keep_vector(model, text, vector)
        return vector


def _request(question: Question, candidates: int) -> dict[str, Any]:
    """Everything that an answer depends on, besides the store itself."""
    where = question.where
    return {
        "text": question.text,
        "kinds": [kind.value for kind in question.kinds],
        "scope": [where.user, where.agent, where.session, dict(where.tags)],
        "span": [where.since, where.until],
        "limit": question.limit,
        "by_meaning": question.by_meaning,
        "candidates": candidates,
    }
