"""Candidates to rank, made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import numpy as np

from sophia_cli.memory.model import FACTS, SIGNALS, Candidates
from sophia_cli.memory.shape import Shape

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class One:
    """A candidate: its number is its id; what is not said is not known."""

    number: int
    dense: float = 0.0
    context: float = 0.0
    bm25_context: float = 0.0
    thread: int = -1
    turn: int = -1
    speaker: str | None = None
    at: datetime = NOON
    asks: bool = False
    words: int = 10
    times: int = 0
    numbers: int = 0
    names: int = 0
    first: int = 0


def candidates(*ones: One, population: int = 1000) -> Candidates:
    """These candidates of one collection."""
    speakers = sorted({one.speaker for one in ones if one.speaker is not None})
    facts = np.array(
        [
            (
                one.thread,
                one.turn,
                -1 if one.speaker is None else speakers.index(one.speaker),
                one.at.timestamp(),
                *(int(getattr(one, name)) for name in Shape._fields),
            )
            for one in ones
        ],
        FACTS,
    )
    scores = np.array([[getattr(one, name) for name in SIGNALS] for one in ones], np.float32)
    ids = [UUID(int=one.number) for one in ones]
    return Candidates(ids, scores.reshape(-1, len(SIGNALS)), facts, speakers, population)
