"""The union of what the signals brought, every candidate with a score by every signal.

A signal whose list was full says of what it left out only that it scores no higher than the last of
the list; that is the score it gives them. The cosine of a candidate's own text is another matter:
it is asked for the whole union, and brings nothing itself. So an index searches one store of dense
vectors instead of two, and recalls better (docs/ranking.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.model import SIGNALS


class Hit(Protocol):
    """A point that a search returned."""

    @property
    def id(self) -> Any:
        """The id as the engine or the client gives it: hashable."""

    @property
    def score(self) -> float:
        """What the signal says of it."""


def united(
    brought: Sequence[Sequence[Hit]],
    own: Callable[[Sequence[Any]], Sequence[Hit]],
    limit: int,
    key: Callable[[Any], Any] | None = None,
) -> tuple[list[Any], NDArray[np.float32]]:
    """One list of hits a signal, in the order of `BRINGING`, best first.

    Args:
        own: brings the same ids with the cosines of their own texts; one that has gone meanwhile
            is left out.
        limit: from how many hits on a list has left something out.
        key: what to tell ids apart by, where that is cheaper than the id (a UUID's hash is not).

    Returns:
        The n ids, each once, in the order they were brought; and float32, (n, len(SIGNALS)). A
        signal with nothing in common with the query gives 0.
    """
    tell = key or _itself
    by_key = {tell(id_): id_ for hits in brought for id_ in [hit.id for hit in hits]}
    ids = list(by_key.values())
    rows = {found: row for row, found in enumerate(by_key)}
    scores = np.zeros((len(ids), len(SIGNALS)), np.float32)
    for column, hits in enumerate([own(ids) if ids else [], *brought]):
        if column and len(hits) >= limit:
            scores[:, column] = hits[-1].score
        scores[[rows[tell(hit.id)] for hit in hits], column] = [hit.score for hit in hits]
    return ids, scores


def _itself(id_: Any) -> Any:
    return id_
