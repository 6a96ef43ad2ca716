"""Recall: from a question to the best memories, through the tiers that can answer it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sophia_cli.errors import TierDown
from sophia_cli.memory.answers import Answer, AnswerCache, Like, Recalled, digest
from sophia_cli.memory.exact import ExactVectors
from sophia_cli.memory.knowledge import Knowledge, of_index, of_records
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
# How many memories are read besides those wanted, in case some have ended since they were indexed.
_SPARE = 2
_SINCE = "which may still hold what was changed or forgotten since"


@dataclass(frozen=True, slots=True)
class _Asked:
    """One search: the question as it was understood, what ranks, and where memories are read."""

    question: Question
    said: Understanding
    vector: Vector
    candidates: int
    now: datetime
    weights: Weights
    known: Knowledge


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
        self._known = of_records(records)
        self._withheld: set[UUID] = set()
        self._indexed = of_index(vectors, self._withheld)
        self._seen: Epochs | None = None
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

    def withhold(self, ids: Iterable[UUID]) -> None:
        """Never answers with these from the index alone: it still holds what was forgotten."""
        self._withheld.update(ids)

    def recall(
        self, question: Question, candidates: int, now: datetime, trace: Trace
    ) -> list[Recalled]:
        """The best memories, best first.

        With the vectors or the embedder down, PostgreSQL's full-text search answers; with the
        records down, the vectors do, and with both down an answer that was kept; the trace says so.
        A cached answer is served only at the epochs at which it was computed.

        Raises:
            TierDown: neither the records nor the others can answer.
        """
        try:
            return self._recalled(question, candidates, now, trace)
        except TierDown as error:
            if error.tier != "records":
                raise
            return self._without_records(question, candidates, now, trace, error)

    def _recalled(
        self, question: Question, candidates: int, now: datetime, trace: Trace
    ) -> list[Recalled]:
        with trace.tier("records"):
            epochs = self._seen = self._records.outbox.epochs()
        weights = self._weights_of(epochs, trace)
        request = _request(question, candidates, now, weights)
        place = self._answers.place(request, question.kinds, epochs)
        kept = self._answers.get(place, now, trace)
        if kept is not None:
            return kept
        try:
            known = self._answers.recent.at(epochs, self._known)
            asked = self._asked(question, candidates, now, weights, trace, known)
            like = None
            if self._similar_from is not None:
                like = _like(request, asked.said, self._embedder.model, asked.vector)
                kept = self._answers.get_like(
                    place, like, self._similar_from, question.text, now, trace
                )
                if kept is not None:
                    return kept
            found = self._search(asked, trace)
            trace.served_by = "vectors"
        except TierDown as error:
            if error.tier == "records":
                raise
            trace.degrade(f"{error.message}: answered by full-text search")
            trace.served_by = "records"
            return self._by_words(question, now, trace)
        if not trace.degraded and not epochs.owing.intersection(question.kinds):
            until = now + self._answers.lifetime(question.kinds)
            answer = Answer(question.text, found, trace.says, until)
            self._answers.keep(place, answer, now, lambda: self._still_at(epochs), like)
        return found

    def _without_records(
        self,
        question: Question,
        candidates: int,
        now: datetime,
        trace: Trace,
        down: TierDown,
    ) -> list[Recalled]:
        """Answers from the index as it is; if that is down too, as when the records last answered.

        Raises:
            TierDown: the records are down, and nothing else can answer.
        """
        weights = self._fixed or self._weights
        try:
            asked = self._asked(question, candidates, now, weights, trace, self._indexed)
            found = self._search(asked, trace)
        except TierDown as error:
            if self._seen is None:
                raise down from error
            request = _request(question, candidates, now, weights)
            place = self._answers.place(request, question.kinds, self._seen)
            kept = self._answers.get(place, now, trace)
            if kept is None:
                raise down from error
            trace.degrade(error.message)
            trace.degrade(f"{down.message}: answered from the cache, {_SINCE}")
            return kept
        trace.degrade(f"{down.message}: answered from the vectors, {_SINCE}")
        trace.served_by = "vectors"
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

    def _asked(
        self,
        question: Question,
        candidates: int,
        now: datetime,
        weights: Weights,
        trace: Trace,
        known: Knowledge,
    ) -> _Asked:
        said = self.searcher.understood(question, now, trace, known)
        vector = self.searcher.vector_of(said, trace)
        return _Asked(question, said, vector, candidates, now, weights, known)

    def _search(self, asked: _Asked, trace: Trace) -> list[Recalled]:
        question = asked.question
        if question.diverse:
            choice = max(_CHOICE, _CHOICE_FOR_EACH * question.limit)
            whole = replace(asked, question=replace(question, diverse=False, limit=choice))
            found = self._search(whole, trace)
            return list(self.exact.diverse(found, question.limit, len(asked.vector), trace))
        limit = max(asked.candidates, question.limit)
        find = self._nearest if question.by_meaning else self._fused
        while True:
            found, exhausted = find(asked, limit, trace)
            if len(found) >= question.limit or exhausted:
                return found[: question.limit]
            # What the records no longer hold as live is left out; look further down the list.
            limit *= 4

    def _fused(self, asked: _Asked, limit: int, trace: Trace) -> tuple[list[Recalled], bool]:
        question = asked.question
        ranked = self.searcher.ranked(
            question, asked.said, asked.vector, limit, asked.weights, trace
        )
        live = _live(ranked.ids, question.limit, asked.now, trace, asked.known)
        places = [place for place, id_ in enumerate(ranked.ids) if id_ in live][: question.limit]
        scores = ranked.scores.astype(float).round(4).tolist()
        parts = ranked.parts[places].astype(float).round(4).tolist()
        found = [
            Recalled(
                live[ranked.ids[place]],
                scores[place],
                {name: part for name, part in zip(NAMES, row, strict=True) if part},
            )
            for place, row in zip(places, parts, strict=True)
        ]
        return found, len(ranked.ids) < limit or limit > 50 * question.limit

    def _nearest(self, asked: _Asked, limit: int, trace: Trace) -> tuple[list[Recalled], bool]:
        question = asked.question
        nearest = self.searcher.nearest(question, asked.vector, limit, trace)
        # As many as are rescored: an order by codes is not the true one.
        wanted = question.limit + 10 if self._rescoring else question.limit
        live = _live([id_ for id_, _ in nearest], wanted, asked.now, trace, asked.known)
        found = [
            Recalled(live[id_], round(score, 4), {"dense": round(score, 4)})
            for id_, score in nearest
            if id_ in live
        ]
        if self._rescoring:
            found = list(self.exact.rescored(found, asked.vector, trace))
        return found, len(nearest) < limit or limit > 50 * question.limit

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


def _live(
    ids: Sequence[UUID], wanted: int, now: datetime, trace: Trace, known: Knowledge
) -> dict[UUID, Memory]:
    """The first `wanted` that are known to be live, or a few more; fewer if there are not so many.

    They are read a page at a time: nearly all that the index brings are live.
    """
    live: dict[UUID, Memory] = {}
    page = wanted + _SPARE
    for start in range(0, len(ids), page):
        live |= _live_of(ids[start : start + page], now, trace, known)
        if len(live) >= wanted:
            break
    return live


def _live_of(
    ids: Sequence[UUID], now: datetime, trace: Trace, known: Knowledge
) -> dict[UUID, Memory]:
    with trace.tier(known.tier):
        memories = known.get(ids)
    if known.tier == "records" and (unknown := len(ids) - len(memories)):
        # The records keep a row of everything that there ever was.
        strangers = f"{unknown} of {len(ids)} memories that they found are not in the records"
        if not memories:
            raise TierDown("vectors", strangers, "`sophia reindex` brings them in line")
        trace.degrade(f"vectors: {strangers}: left out")
    return {id_: memory for id_, memory in memories.items() if memory.live_at(now)}


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
