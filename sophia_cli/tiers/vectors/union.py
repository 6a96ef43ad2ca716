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
    # The engine makes a new UUID at each look at a hit's id.
    named = [[hit.id for hit in hits] for hits in brought]
    by_key = {tell(id_): id_ for ids in named for id_ in ids}
    found = list(by_key.values())
    rows = {each: row for row, each in enumerate(by_key)}
    scores = np.zeros((len(found), len(SIGNALS)), np.float32)
    own_hits = own(found) if found else []
    for column, (ids, hits) in enumerate(
        [([hit.id for hit in own_hits], own_hits), *zip(named, brought, strict=True)]
    ):
        if column and len(hits) >= limit:
            scores[:, column] = hits[-1].score
        scores[[rows[tell(id_)] for id_ in ids], column] = [hit.score for hit in hits]
    return found, scores


def _itself(id_: Any) -> Any:
    return id_
