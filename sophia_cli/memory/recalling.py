"""Recall: from a question to the best memories, through the tiers that can answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sophia_cli.errors import TierDown
from sophia_cli.memory.answers import Answer, AnswerCache, Like, Recalled, digest
from sophia_cli.memory.exact import ExactVectors
from sophia_cli.memory.model import Memory, Vector
from sophia_cli.memory.ports import Embedder, Vectors
from sophia_cli.memory.ranking import NAMES, Weights, checked, shipped
from sophia_cli.memory.searching import Question, Searcher
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.understanding.question import Understanding, speaks_of_time
from sophia_cli.tiers.gpu_cache import GpuCache
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.feedback import StoredWeights
from sophia_cli.tiers.records.outbox import Epochs

__all__ = ["Question", "Recaller"]

# Of how many an answer that is to be diverse is chosen, at least and for each memory wanted.
_CHOICE, _CHOICE_FOR_EACH = 50, 4


class Recaller:
    """Answers questions: from the caches, by search, or by the records' words alone.

    Args:
        similar_from: the cosine from which on a question is given the answer to another; None
            for never.
    """

    def __init__(
        self,
        records: Records,
        vectors: Vectors,
        embedder: Embedder,
        front: GpuCache,
        answers: AnswerCache,
        similar_from: float | None = None,
    ) -> None:
        self._records = records
        self._embedder = embedder
        self._answers = answers
        self.exact = ExactVectors(front, records)
        self._rescoring = front.settings.rescoring
        self._similar_from = similar_from
        self.searcher = Searcher(records, vectors, embedder, answers)
        self._fixed: Weights | None = None
        self._weights = shipped()
        self._weights_id: int | None = None

    def use(self, weights: Weights | None) -> None:
        """Ranks by these weights, whatever the store names; None: by the store's again."""
        self._fixed = weights

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
        weights = self._weights_of(epochs, trace)
        request = _request(question, candidates, now, weights)
        place = self._answers.place(request, question.kinds, epochs)
        kept = self._answers.get(place, now, trace)
        if kept is not None:
            return kept
        try:
            said = self.searcher.understood(question, now, trace)
            vector = self.searcher.vector_of(said, trace)
            like = None
            if self._similar_from is not None:
                like = _like(request, said, self._embedder.model, vector)
                kept = self._answers.get_like(
                    place, like, self._similar_from, question.text, now, trace
                )
                if kept is not None:
                    return kept
            found = self._search(question, said, vector, candidates, now, weights, trace)
            trace.served_by = "vectors"
        except TierDown as error:
            if error.tier == "records":
                raise
            trace.degrade(f"{error.message}: answered by full-text search")
            trace.served_by = "records"
            return self._by_words(question, now, trace)
        if not epochs.owing.intersection(question.kinds):
            until = now + self._answers.lifetime(question.kinds)
            answer = Answer(question.text, found, trace.says, until)
            self._answers.keep(place, answer, now, lambda: self._still_at(epochs), like)
        return found

    def _weights_of(self, epochs: Epochs, trace: Trace) -> Weights:
        """The weights that the store names: read again when it names others."""
        if self._fixed is not None:
            return self._fixed
        if epochs.weights != self._weights_id:
            stored = self._records.feedback.weights()
            try:
                self._weights = shipped() if stored is None else stored_weights(stored)
            except ValueError as error:
                trace.degrade(f"{error}: ranked by the weights that ship with sophia")
                return shipped()
            self._weights_id = epochs.weights
        return self._weights

    def _search(
        self,
        question: Question,
        said: Understanding,
        vector: Vector,
        candidates: int,
        now: datetime,
        weights: Weights,
        trace: Trace,
    ) -> list[Recalled]:
        if question.diverse:
            choice = max(_CHOICE, _CHOICE_FOR_EACH * question.limit)
            whole = replace(question, diverse=False, limit=choice)
            found = self._search(whole, said, vector, candidates, now, weights, trace)
            return list(self.exact.diverse(found, question.limit, len(vector), trace))
        limit = max(candidates, question.limit)
        while True:
            if question.by_meaning:
                found, exhausted = self._nearest(question, vector, limit, now, trace)
            else:
                found, exhausted = self._fused(question, said, vector, limit, now, weights, trace)
            if len(found) >= question.limit or exhausted:
                return found[: question.limit]
            # What the records no longer hold as live is left out; look further down the list.
            limit *= 4

    def _fused(
        self,
        question: Question,
        said: Understanding,
        vector: Vector,
        limit: int,
        now: datetime,
        weights: Weights,
        trace: Trace,
    ) -> tuple[list[Recalled], bool]:
        ranked = self.searcher.ranked(question, said, vector, limit, weights, trace)
        # Some more than asked for, in case a few have ended since they were indexed.
        wanted = ranked.ids[: question.limit + 10]
        live = self._live(wanted, now, trace)
        places = [place for place, id_ in enumerate(wanted) if id_ in live][: question.limit]
        scores = ranked.scores.astype(float).round(4).tolist()
        parts = ranked.parts[places].astype(float).round(4).tolist()
        found = [
            Recalled(
                live[wanted[place]],
                scores[place],
                {name: part for name, part in zip(NAMES, row, strict=True) if part},
            )
            for place, row in zip(places, parts, strict=True)
        ]
        return found, len(wanted) == len(ranked.ids) or limit > 50 * question.limit

    def _nearest(
        self, question: Question, vector: Vector, limit: int, now: datetime, trace: Trace
    ) -> tuple[list[Recalled], bool]:
        nearest = self.searcher.nearest(question, vector, limit, trace)
        wanted = dict(nearest[: question.limit + 10])
        live = self._live(list(wanted), now, trace)
        found = [
            Recalled(live[id_], round(score, 4), {"dense": round(score, 4)})
            for id_, score in wanted.items()
            if id_ in live
        ]
        if self._rescoring:
            found = list(self.exact.rescored(found, vector, trace))
        return found, len(wanted) == len(nearest) or limit > 50 * question.limit

    def _live(self, ids: Sequence[UUID], now: datetime, trace: Trace) -> dict[UUID, Memory]:
        """Those memories that the records still hold as live."""
        with trace.tier("records"):
            memories = self._records.queries.get(ids)
        return {id_: memory for id_, memory in memories.items() if memory.live_at(now)}

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


def stored_weights(stored: StoredWeights) -> Weights:
    """Weights as the records hold them.

    Raises:
        ValueError: another version of sophia fitted them on signals that this one does not have.
    """
    return checked(f"fitted-{stored.id}", stored.weights, stored.provenance)


def _request(
    question: Question, candidates: int, now: datetime, weights: Weights
) -> dict[str, Any]:
    """Everything that an answer depends on, besides the store itself."""
    where = question.where
    asked_at = question.asked_at or now
    return {
        "text": question.text,
        "kinds": [kind.value for kind in question.kinds],
        "scope": [where.user, where.agent, where.session, dict(where.tags)],
        "span": [where.since, where.until],
        "limit": question.limit,
        "by_meaning": question.by_meaning,
        "diverse": question.diverse,
        "candidates": candidates,
        "weights": weights.digest,
        "asked_on": asked_at.date().isoformat() if speaks_of_time(question.text) else None,
    }


def _like(request: dict[str, Any], said: Understanding, model: str, vector: Vector) -> Like:
    """What another question must share with this one to be given its answer.

    All but its words; and whom, which times and what it asks for, since the vector does not tell
    the questions of two people apart.
    """
    asks_for = [said.people, said.guessed, said.spans, sorted(said.wanted), said.kind]
    scope = digest(request | {"text": None, "asks_for": asks_for, "model": model})
    return Like(scope, digest({"model": model, "embedded": said.embedded}), vector)
