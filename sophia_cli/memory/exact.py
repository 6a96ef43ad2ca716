"""The exact vectors of memories that were found: to score them once more, or to choose among them.

They come from the tier in this process, and from the records where that does not have them yet. A
row is kept under the model, the memory's id and its version: it can become useless, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from sophia_cli.environment import utc_now
from sophia_cli.errors import TierDown
from sophia_cli.memory.answers import Recalled
from sophia_cli.memory.model import KINDS, Memory, Vector, Where
from sophia_cli.memory.trace import Trace
from sophia_cli.tiers.gpu_cache import GpuCache, mmr, rescore
from sophia_cli.tiers.records import Records

_BALANCE = 0.7
"""How much relevance counts when an answer is made diverse; the rest is difference."""


class ExactVectors:
    """The vectors of memories, from the fastest tier that has them."""

    def __init__(self, front: GpuCache, records: Records) -> None:
        self._front = front
        self._records = records

    def rescored(
        self, found: Sequence[Recalled], query: Vector, trace: Trace
    ) -> Sequence[Recalled]:
        """The same memories by their exact cosine with the question, best first."""
        vectors = self._of(found, len(query), trace)
        before = np.array([recalled.score for recalled in found], np.float32)
        scores = np.where(vectors.any(axis=1), rescore(query, vectors), before)
        order = np.argsort(-scores, kind="stable")
        exact = np.round(scores[order].astype(float), 4).tolist()
        return [
            Recalled(found[place].memory, score, {"dense": score})
            for place, score in zip(order, exact, strict=True)
        ]

    def diverse(
        self, found: Sequence[Recalled], limit: int, dimension: int, trace: Trace
    ) -> Sequence[Recalled]:
        """The best `limit` that differ from each other: maximal marginal relevance, see `mmr`."""
        relevance = np.array([recalled.score for recalled in found], np.float32)
        picked = mmr(relevance, self._of(found, dimension, trace), limit, _BALANCE)
        return [found[place] for place in picked]

    def warm(self, page: int, check: Callable[[], None]) -> int:
        """Brings the vectors of the newest memories into this process, as many as it has room for.

        Args:
            page: how many are read at once.
            check: called before each page.
        """
        room, taken, before = self._front.stats().capacity, 0, None
        while taken < room:
            check()
            memories = self._records.queries.newest(
                Where(), KINDS, min(page, room - taken), now=utc_now(), before=before
            )
            if not memories:
                break
            before = memories[-1].id
            stored = self._records.queries.vectors([memory.id for memory in memories])
            known = [memory for memory in memories if memory.id in stored]
            if known:
                vectors = np.stack([stored[memory.id] for memory in known])
                taken += self._front.rows.put([_key(memory) for memory in known], vectors)
        return taken

    def _of(self, found: Sequence[Recalled], dimension: int, trace: Trace) -> NDArray[np.float32]:
        """float32, (len(found), dimension); zeros for what has no vector yet."""
        memories = [recalled.memory for recalled in found]
        vectors = np.zeros((len(memories), dimension), np.float32)
        lacking = []
        with trace.tier("gpu_cache"):
            for place, memory in enumerate(memories):
                kept = self._front.rows.get(_key(memory))
                if kept is None:
                    lacking.append(place)
                else:
                    vectors[place] = kept
        if lacking:
            stored = self._stored([memories[place].id for place in lacking], trace)
            there = [place for place in lacking if memories[place].id in stored]
            for place in there:
                vectors[place] = stored[memories[place].id]
            with trace.tier("gpu_cache"):
                self._front.rows.put([_key(memories[place]) for place in there], vectors[there])
        return vectors

    def _stored(self, ids: Sequence[UUID], trace: Trace) -> dict[UUID, Vector]:
        """Those that the records hold; none while they are down."""
        try:
            with trace.tier("records"):
                return self._records.queries.vectors(ids)
        except TierDown as error:
            trace.degrade(error.message)
            return {}


def _key(memory: Memory) -> str:
    """A string hashes once; a tuple with a UUID each time that it is looked up."""
    return f"{memory.model}:{memory.id.hex}:{memory.version}"
