"""Candidates become an order: signals over the candidates, summed with weights.

Scores are fused, not ranks, and every signal brings candidates of its own: equal-weight rank fusion
with a small embedder loses to BM25 alone at the top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.model import Candidates, Kind
from sophia_cli.memory.ranking.pool import Pool
from sophia_cli.memory.ranking.signals import signals_in
from sophia_cli.memory.ranking.weights import Weights
from sophia_cli.memory.understanding.dates import Span
from sophia_cli.memory.understanding.question import Understanding


@dataclass(frozen=True, slots=True)
class Ranked:
    """Candidates, best first.

    Attributes:
        ids: n ids.
        scores: float32, (n,), the weighted sums.
        parts: float32, (n, len(NAMES)), what each signal added.
    """

    ids: Sequence[UUID]
    scores: NDArray[np.float32]
    parts: NDArray[np.float32]


def rank(
    brought: Sequence[tuple[Kind, Candidates]],
    understanding: Understanding,
    spans: Sequence[Span],
    weights: Weights,
) -> Ranked:
    """Orders the candidates of one or more collections by one scale."""
    ids, columns = signals_of(brought, understanding, spans)
    parts = columns * weights.vector
    scores = parts.sum(axis=1)
    order = np.argsort(-scores, kind="stable")
    return Ranked([ids[place] for place in order.tolist()], scores[order], parts[order])


def signals_of(
    brought: Sequence[tuple[Kind, Candidates]], understanding: Understanding, spans: Sequence[Span]
) -> tuple[Sequence[UUID], NDArray[np.float32]]:
    """The ids of the candidates and their normalised signals, float32, (n, len(NAMES)).

    What `rank` weighs, and what weights are fitted on.
    """
    pool = Pool.of(brought)
    return pool.ids, signals_in(pool, understanding, spans)
