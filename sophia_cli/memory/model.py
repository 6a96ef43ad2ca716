"""What a memory is: the values that every room of the house speaks of.

Times are aware datetimes in UTC. Ids are UUIDv7. A `Draft` is what a caller hands in, a `Memory` is
what the records hold, a `Recalled` is a memory with the score that brought it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.kind import KINDS as KINDS
from sophia_cli.memory.kind import Kind as Kind
from sophia_cli.memory.shape import Shape

if TYPE_CHECKING:
    from sophia_cli.memory.seal import Seal

Vector = NDArray[np.float32]
"""float32, (dim,), L2-normalised unless said otherwise."""

NO_TAGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Draft:
    """A memory as it is handed in, before it has an id.

    `kind` None means "classify it". `turn` is the place in the session, from 0. `speaker` and
    `said_at` say who said it and when: they are signals of recall, not decoration.
    """

    content: str
    kind: Kind | None = None
    user: str | None = None
    agent: str | None = None
    session: str | None = None
    turn: int | None = None
    speaker: str | None = None
    said_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory as the records hold it. `content` is empty once `forgotten_at` is set."""

    id: UUID
    kind: Kind
    content: str
    user: str | None
    agent: str | None
    session: str | None
    turn: int | None
    speaker: str | None
    said_at: datetime | None
    tags: Mapping[str, str]
    valid_from: datetime
    valid_to: datetime | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    forgotten_at: datetime | None
    model: str
    version: int

    def live_at(self, moment: datetime) -> bool:
        """Whether it may be recalled at `moment`: not forgotten, superseded or expired."""
        return (
            self.forgotten_at is None
            and (self.valid_to is None or self.valid_to > moment)
            and (self.expires_at is None or self.expires_at > moment)
        )


@dataclass(frozen=True, slots=True)
class Where:
    """A filter made only of what the user gave as options; None means "any".

    `since` and `until` bound the time it was said (else stored): since <= t < until.
    """

    user: str | None = None
    agent: str | None = None
    session: str | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)
    since: datetime | None = None
    until: datetime | None = None


NEARNESS: Mapping[int, float] = MappingProxyType({-2: 0.3, -1: 0.6, 1: 0.3, 2: 0.15})
"""How much the turns around a turn count in its `context` and `bm25_context`, by their place.

What comes before counts more than what follows: an answer stands after its question. Chosen on the
LoCoMo development set, where the optimum is flat: `bm25_context` alone finds 72.2 / 79.6 % of the
evidence in its first 5 / 10 turns, 64.8 / 75.1 % when two turns on each side count in full.
"""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What the vectors hold of a memory: derived from the records, never the other way round.

    Attributes:
        dense: the vector of the memory's own text, float32, (dim,), L2-normalised.
        context: the same mixed with its neighbours in the session, float32, (dim,), normalised.
        text: the words BM25 sees: content, speaker and date.
        around: the same of the neighbouring turns, by their place: -2, -1, 1, 2.
        at: when it was said, else stored; seconds since the epoch.
        tags: each as `key=value`.
        shape: what its content is like.
        memory: all of it, for an answer while the records cannot be asked.
        seal: what it ought to be (`memory.seal`); None where nobody has made it.
    """

    id: UUID
    kind: Kind
    dense: Vector
    context: Vector
    text: str
    around: Mapping[int, str]
    user: str | None
    agent: str | None
    session: str | None
    turn: int | None
    speaker: str | None
    at: float
    tags: tuple[str, ...]
    shape: Shape
    memory: Memory
    seal: Seal | None = None


SIGNALS: tuple[str, ...] = ("dense", "context", "bm25_context")
"""The scores every candidate gets from the vectors, in the order of the columns of `scores`."""

BRINGING: tuple[str, ...] = SIGNALS[1:]
"""Those that bring candidates; the first one is asked for all that were brought."""

FACTS = np.dtype(
    [
        ("thread", np.int32),  # which conversation, -1 for none
        ("turn", np.int32),  # its place there, -1 for none
        ("speaker", np.int32),  # index into the speakers' names, -1 for none
        ("at", np.float64),  # when it was said, else stored; seconds since the epoch
        *((name, np.uint16) for name in Shape._fields),
    ]
)
"""What ranking knows of a candidate besides its scores: one row each."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The union of what each signal brought, every candidate with a score by every signal.

    Attributes:
        ids: n memory ids.
        scores: float32, (n, len(SIGNALS)); 0 where a signal has nothing in common with the query.
        facts: `FACTS`, (n,). Threads are told apart within one collection only.
        speakers: the names that `facts["speaker"]` points to; may hold more than occur.
        population: memories in the collection they come from.
    """

    ids: Sequence[UUID]
    scores: NDArray[np.float32]
    facts: NDArray[np.void]
    speakers: Sequence[str]
    population: int
