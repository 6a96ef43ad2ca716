"""How candidates become an order: signals normalised over the candidates and summed.

Scores are fused, not ranks, and every signal brings candidates of its own: equal-weight rank fusion
with a small embedder loses to BM25 alone at the top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.model import SIGNALS, Candidates

SESSION_PRIOR = "session"

WEIGHTS: dict[str, float] = {
    "bm25": 1.0,
    "dense": 0.5,
    "context": 0.5,
    "bm25_context": 0.5,
    SESSION_PRIOR: 0.3,
}
"""Weights of the z-scores: chosen on five LoCoMo conversations (bench/recall.py prints what they
reach), not fitted to the last digit."""

_LEXICAL = [SIGNALS.index("bm25"), SIGNALS.index("bm25_context")]
_BEST_OF_SESSION = 3


@dataclass(frozen=True, slots=True)
class Ranked:
    """Candidates, best first.

    Attributes:
        ids: n ids.
        scores: float32, (n,), the weighted sums.
        parts: float32, (n, signals), what each signal added; columns in the order of `signals`.
        signals: the names of the columns of `parts`.
    """

    ids: Sequence[UUID]
    scores: NDArray[np.float32]
    parts: NDArray[np.float32]
    signals: Sequence[str]


def rank(found: Sequence[Candidates]) -> Ranked:
    """Orders the candidates of one or more collections by one scale."""
    found = [candidates for candidates in found if len(candidates.ids)]
    names = [*SIGNALS, SESSION_PRIOR]
    if not found:
        empty = np.empty((0, len(names)), np.float32)
        return Ranked([], np.empty(0, np.float32), empty, names)
    ids = [id_ for candidates in found for id_ in candidates.ids]
    raw = np.concatenate([_comparable(candidates) for candidates in found])
    sessions = [
        None if session is None else (place, session)
        for place, candidates in enumerate(found)
        for session in candidates.sessions
    ]
    columns = np.column_stack([raw, _session_prior(sessions, raw[:, _LEXICAL[0]])])
    weights = np.array([WEIGHTS[name] for name in names], np.float32)
    parts = _standardised(columns) * weights
    scores = parts.sum(axis=1)
    order = np.argsort(-scores, kind="stable")
    return Ranked([ids[place] for place in order], scores[order], parts[order], names)


def _comparable(candidates: Candidates) -> NDArray[np.float32]:
    """Scores in which two collections can be compared.

    Cosines are comparable as they are. BM25 grows with the logarithm of the collection (its idf
    does), so it is divided by the idf of a word that stands in one memory only.
    """
    scores = candidates.scores.astype(np.float32, copy=True)
    rarest = math.log(1 + (max(candidates.population, 1) + 0.5) / 1.5)
    scores[:, _LEXICAL] /= rarest
    return scores


def _session_prior(
    sessions: Sequence[tuple[int, str] | None], lexical: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The mean of the three best BM25 scores of each candidate's session; 0 without a session."""
    codes: dict[tuple[int, str], int] = {}
    members = np.array(
        [-1 if each is None else codes.setdefault(each, len(codes)) for each in sessions], np.intp
    )
    prior = np.zeros(len(sessions), np.float32)
    inside = np.flatnonzero(members >= 0)
    if len(inside):
        # Best first within each session; the first three of each make its mean.
        order = inside[np.lexsort((-lexical[inside], members[inside]))]
        first = np.searchsorted(members[order], members[order])
        best = order[np.arange(len(order)) - first < _BEST_OF_SESSION]
        sums = np.bincount(members[best], weights=lexical[best], minlength=len(codes))
        prior[inside] = sums[members[inside]] / _BEST_OF_SESSION
    return prior


def _standardised(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """z-scores over the candidates; a signal that tells none apart counts for nothing."""
    deviation = columns.std(axis=0)
    deviation[deviation < 1e-6] = np.inf
    return np.asarray((columns - columns.mean(axis=0)) / deviation, np.float32)
