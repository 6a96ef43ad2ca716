"""The union of what each signal brought, on its way to being scored by every signal.

Each signal's search returns its best `limit` points. A signal has to be asked again only for what
others brought and it did not score; whoever holds the points (engine or server) does the asking.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sophia_cli.memory.model import SIGNALS
from sophia_cli.tiers.vectors.schema import SPARSE


class Hit(Protocol):
    """A point that a search returned."""

    @property
    def id(self) -> Any:
        """The id as the engine or the client gives it: hashable."""

    @property
    def score(self) -> float:
        """What the signal says of it."""


class ScoredUnion:
    """The ids that any signal brought, and a score for each by each.

    Attributes:
        ids: n ids, each once, in the order they were brought.
        scores: float32, (n, len(SIGNALS)), 0 where a signal has not scored a point.
        incomplete: the signals that must be asked again about all of `ids`.
    """

    def __init__(self, brought: Sequence[Sequence[Hit]], limit: int) -> None:
        """Takes one list of hits a signal, in the order of `SIGNALS`, each of `limit` at most."""
        columns = [[hit.id for hit in hits] for hits in brought]
        self.ids: list[Any] = list(dict.fromkeys(chain.from_iterable(columns)))
        self._rows = {id_: row for row, id_ in enumerate(self.ids)}
        self.scores: NDArray[np.float32] = np.zeros((len(self.ids), len(SIGNALS)), np.float32)
        self._scored = np.zeros(self.scores.shape, np.bool_)
        for column, (ids, hits) in enumerate(zip(columns, brought, strict=True)):
            self._write(column, [self._rows[id_] for id_ in ids], hits)
        self._brought = [len(ids) for ids in columns]
        self.incomplete = tuple(
            signal
            for signal, hits in zip(SIGNALS, brought, strict=True)
            if len(hits) < len(self.ids)
            # A short list of a sparse signal is all that shares a word with the query.
            and not (signal in SPARSE and len(hits) < limit)
        )

    def score(self, signal: str, hits: Sequence[Hit]) -> None:
        """Enters what a signal says when asked about `ids` alone, its hits best first.

        Reading an id is the dearest part of it all. What the signal brought before leads its hits
        again, so only the rest is read; had anything come in between, something that was brought
        would be among the rest.
        """
        column = SIGNALS.index(signal)
        rest = hits[self._brought[column] :]
        rows = [self._rows[hit.id] for hit in rest]
        if self._scored[rows, column].any():
            rest, rows = hits, [self._rows[hit.id] for hit in hits]
        self._write(column, rows, rest)

    def _write(self, column: int, rows: list[int], hits: Sequence[Hit]) -> None:
        self.scores[rows, column] = [hit.score for hit in hits]
        self._scored[rows, column] = True
