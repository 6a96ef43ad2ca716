"""The candidates of one question, of all collections on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.model import FACTS, KINDS, SIGNALS, Candidates, Kind

Column = NDArray[np.float32]
_WORDS = SIGNALS.index("bm25_context")
_NONE = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Pool:
    """n candidates.

    Attributes:
        ids: n ids.
        scores: float32, (n, len(SIGNALS)); BM25 of different collections made comparable.
        facts: `FACTS`, (n,); threads told apart over the collections.
        speakers: the name of each candidate's speaker, None without one.
        kinds: index into `KINDS`, (n,).
        before: the place in the pool of the turn before each, -1 where it is not a candidate;
            int64, (n,).
    """

    ids: Sequence[UUID]
    scores: NDArray[np.float32]
    facts: NDArray[np.void]
    speakers: Sequence[str | None]
    kinds: NDArray[np.int64]
    before: NDArray[np.int64]

    @classmethod
    def of(cls, brought: Sequence[tuple[Kind, Candidates]]) -> Pool:
        """The candidates that the collections brought."""
        brought = [(kind, found) for kind, found in brought if len(found.ids)]
        if not brought:
            none = np.empty(0, np.int64)
            scores = np.empty((0, len(SIGNALS)), np.float32)
            return cls([], scores, np.empty(0, FACTS), [], none, none)
        facts = np.concatenate([found.facts for _, found in brought])
        first = 0
        for place, (_, found) in enumerate(brought):
            threads = facts["thread"][first : first + len(found.ids)]
            # Enough for two collections of a billion threads each.
            threads[threads >= 0] += place * (1 << 30)
            first += len(found.ids)
        return cls(
            [id_ for _, found in brought for id_ in found.ids],
            np.concatenate([_comparable(found) for _, found in brought]),
            facts,
            [
                found.speakers[number] if number >= 0 else None
                for _, found in brought
                for number in found.facts["speaker"].tolist()
            ],
            np.repeat([KINDS.index(kind) for kind, _ in brought], [len(f.ids) for _, f in brought]),
            _places_before(facts),
        )

    def best_of_thread(self, column: Column) -> Column:
        """The highest value among the candidates of each one's thread."""
        threads = self.facts["thread"]
        inside = threads >= 0
        best = column.copy()
        if inside.any():
            _, numbers = np.unique(threads[inside], return_inverse=True)
            highest = np.full(int(numbers.max()) + 1, -np.inf, np.float32)
            np.maximum.at(highest, numbers, column[inside])
            best[inside] = highest[numbers]
        return even(best, inside)

    def of_the_turn_before(self, column: Column) -> Column:
        """The value of the turn before; the lowest of all where it is no candidate."""
        found = np.where(self.before >= 0, column[self.before], column.min(initial=0.0))
        return even(found, self.facts["thread"] >= 0)


def even(column: NDArray[Any], known: NDArray[np.bool_]) -> Column:
    """The column, with the mean of what is known where nothing is known."""
    mean = column[known].mean() if known.any() else 0.0
    return np.where(known, column, mean).astype(np.float32)


def standardised(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """z-scores over the candidates; a signal that tells none apart counts for nothing."""
    if not len(columns):
        return columns
    deviation = columns.std(axis=0)
    deviation[deviation < 1e-6] = np.inf
    return np.asarray(centred(columns) / deviation, np.float32)


def centred(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each column less its mean over the candidates."""
    return np.asarray(columns - columns.mean(axis=0), np.float32) if len(columns) else columns


def _comparable(candidates: Candidates) -> NDArray[np.float32]:
    """Scores in which two collections can be compared.

    Cosines are comparable as they are. BM25 grows with the logarithm of the collection (its idf
    does), so it is divided by the idf of a word that stands in one memory only.
    """
    scores = candidates.scores.astype(np.float32, copy=True)
    rarest = math.log(1 + (max(candidates.population, 1) + 0.5) / 1.5)
    scores[:, _WORDS] /= rarest
    return scores


def _places_before(facts: NDArray[np.void]) -> NDArray[np.int64]:
    """Where the turn before each stands in the pool, by their numbers in the thread."""
    threads, turns = facts["thread"].astype(np.int64), facts["turn"].astype(np.int64)
    keys = np.where((threads >= 0) & (turns >= 0), (threads << 32) | turns, _NONE)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    wanted = np.where(turns > 0, keys - 1, -1)
    places = np.minimum(np.searchsorted(ordered, wanted), len(keys) - 1)
    return np.where(ordered[places] == wanted, order[places], -1)
