"""Search: from a question to ranked ids, through what it says, its vector and its candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.answers import AnswerCache
from sophia_cli.memory.knowledge import Knowledge, of_records
from sophia_cli.memory.model import KINDS, SIGNALS, Candidates, Kind, Vector, Where
from sophia_cli.memory.ports import Embedder, Vectors
from sophia_cli.memory.ranking import Ranked, Weights, rank, signals_of
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.understanding.dates import Anchored, Span
from sophia_cli.memory.understanding.people import name_words
from sophia_cli.memory.understanding.question import (
    Understanding,
    described,
    understand,
)
from sophia_cli.tiers.records import Records

# How many memories are asked for the time of an event that a question hangs on.
_WITNESSES = 3


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the text, which kinds and scope, and how many memories are wanted.

    Attributes:
        by_meaning: memories like the text are wanted, not answers to it.
        diverse: memories that differ from each other are wanted.
        asked_at: what `last week` is relative to, when that is not now.
    """

    text: str
    kinds: Sequence[Kind] = KINDS
    where: Where = field(default_factory=Where)
    limit: int = 10
    by_meaning: bool = False
    diverse: bool = False
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the vectors brought for a question: the candidates, and the times it names."""

    candidates: Sequence[tuple[Kind, Candidates]]
    spans: Sequence[Span]


class Searcher:
    """Searches the vectors; knows nothing of cached answers, and reads no memory's content."""

    def __init__(
        self, records: Records, vectors: Vectors, embedder: Embedder, answers: AnswerCache
    ) -> None:
        self._known = of_records(records)
        self._vectors = vectors
        self._embedder = embedder
        self._answers = answers

    def understood(
        self, question: Question, now: datetime, trace: Trace, known: Knowledge | None = None
    ) -> Understanding:
        """What the question says; a text whose likes are wanted is taken as it stands.

        Args:
            known: who knows the people of the store, if not the records.
        """
        if question.by_meaning:
            return Understanding(embedded=[(question.text, 1.0)])
        known = known or self._known
        with trace.tier(known.tier):
            people = known.people(name_words(question.text), question.where, question.kinds)
        with trace.tier("ranking"):
            return understand(question.text, question.asked_at or now, people)

    def vector_of(self, said: Understanding, trace: Trace) -> Vector:
        """The vector of what was understood: from the cache, or embedded now."""
        texts = [text for text, _ in said.embedded]
        model, name = self._embedder.model, "\x1f".join(texts)
        kept = self._answers.vector(model, name, trace)
        if kept is not None and kept.shape == (self._embedder.dimension,):
            return kept
        with trace.tier("embedding"):
            vectors = self._embedder.embed(texts)
        weights = np.array([weight for _, weight in said.embedded], np.float32)
        vector: Vector = weights @ vectors
        vector /= max(float(np.linalg.norm(vector)), 1e-12)
        self._answers.keep_vector(model, name, vector)
        return vector

    def ranked(
        self,
        question: Question,
        said: Understanding,
        vector: Vector,
        limit: int,
        weights: Weights,
        trace: Trace,
    ) -> Ranked:
        """The candidates by all signals, best first; the trace says what was understood."""
        found = self._found(question, said, vector, limit, trace)
        trace.says = described(said, found.spans)
        with trace.tier("ranking"):
            return rank(found.candidates, said, found.spans, weights)

    def nearest(
        self, question: Question, vector: Vector, limit: int, trace: Trace
    ) -> list[tuple[UUID, float]]:
        """The memories nearest by meaning alone, best first, with their cosine."""
        with trace.tier("vectors"):
            pairs = [
                pair
                for kind in question.kinds
                for pair in self._vectors.nearest(kind, vector, question.where, limit)
            ]
        return sorted(pairs, key=lambda pair: -pair[1])

    def signals(
        self, question: Question, limit: int, now: datetime, trace: Trace
    ) -> tuple[Sequence[UUID], NDArray[np.float32]]:
        """The candidates and their signals: what weights are fitted on; see `signals_of`."""
        said = self.understood(question, now, trace)
        vector = self.vector_of(said, trace)
        found = self._found(question, said, vector, limit, trace)
        return signals_of(found.candidates, said, found.spans)

    def _found(
        self,
        question: Question,
        said: Understanding,
        vector: Vector,
        limit: int,
        trace: Trace,
    ) -> Found:
        with trace.tier("vectors"):
            candidates = [
                (kind, self._vectors.candidates(kind, vector, question.text, question.where, limit))
                for kind in question.kinds
            ]
            spans = [self._resolved(span, question, vector) for span in said.spans]
        return Found(candidates, [span for span in spans if span is not None])

    def _resolved(self, span: Span | Anchored, question: Question, vector: Vector) -> Span | None:
        """The time of a span. One that hangs on an event takes it from the memory that tells of it.

        That is the memory which has the event's words in common, the rarer the better.
        """
        if isinstance(span, Span):
            return span
        told: tuple[float, float] = (0.0, 0.0)
        for kind in question.kinds:
            found = self._vectors.candidates(kind, vector, span.anchor, question.where, _WITNESSES)
            if len(found.ids):
                words = found.scores[:, SIGNALS.index("bm25_context")]
                best = int(words.argmax())
                told = max(told, (float(words[best]), float(found.facts["at"][best])))
        if told[0] <= 0:
            return None
        day = datetime.fromtimestamp(told[1] // 86_400 * 86_400, UTC)
        return Span(span.phrase, day + span.earliest, day + span.latest)
