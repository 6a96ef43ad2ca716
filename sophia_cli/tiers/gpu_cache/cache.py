"""The tier as a whole: answers, vectors, and what takes both."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from sophia_cli.memory.model import Vector
from sophia_cli.tiers.gpu_cache.answers import Answers
from sophia_cli.tiers.gpu_cache.devices import opener
from sophia_cli.tiers.gpu_cache.rows import Rows
from sophia_cli.tiers.gpu_cache.settings import Settings
from sophia_cli.tiers.gpu_cache.slab import Floats, Opener
from sophia_cli.tiers.gpu_cache.stats import Stats

# Beyond what a cosine of float16 numbers may come to.
_NO_COSINE = 1.01


@dataclass(frozen=True, slots=True)
class Nearest:
    """A question answered before, near to the one that is asked now.

    Attributes:
        key: of its answer.
        asked: the key of its vector, as it was given to `Answers.put`.
        similarity: the cosine of both questions.
        value: its answer.
    """

    key: Hashable
    asked: Hashable
    similarity: float
    value: object


class GpuCache:
    """The GPU tier. Threads may share it.

    It can be used at once: answers are kept from the start, vectors once it has been opened.

    Attributes:
        settings: what it was told when it was made.
        answers: answers by key; they keep nothing where `settings` turns them off.
        rows: vectors by key; likewise.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._near_hits = self._near_misses = 0
        keeps_objects = settings.answers or settings.vectors
        self.answers = Answers(settings.answer_bytes if keeps_objects else 0, clock)
        self.rows = Rows(settings.vector_bytes if settings.vectors else 0)

    def open(self, dimension: int, slabs: Opener | None = None) -> None:
        """Takes the device memory for vectors of this length. Imports torch: it takes seconds.

        Called again it starts afresh, with empty rows: for another model, or a device that is back.

        Args:
            slabs: what opens slabs, where it is not to follow from the settings.

        Raises:
            ConfigurationError: there is no such device here, or torch is not installed.
        """
        if self.settings.vectors:
            self.rows.open(slabs or opener(self.settings.device), dimension)

    @property
    def is_open(self) -> bool:
        """Whether it has its device memory, or needs none."""
        return self.rows.table.state == "open" or not self.settings.vectors

    def similarity(self, query: Vector, keys: Sequence[Hashable], epoch: Hashable = None) -> Floats:
        """`Rows.similarity`, for rescoring; NaN everywhere when rescoring is turned off."""
        if not self.settings.rescoring:
            return np.full(len(keys), np.nan, np.float32)
        return self.rows.similarity(query, keys, epoch)

    def top_k(
        self, queries: Floats, k: int, epoch: Hashable = None
    ) -> list[list[tuple[Hashable, float]]]:
        """`Rows.top_k`."""
        return self.rows.top_k(queries, k, epoch)

    def nearest_question(
        self, vector: Vector, scope: Hashable, epoch: Hashable, threshold: float
    ) -> Nearest | None:
        """The nearest question that was answered in this scope at this epoch.

        Args:
            vector: of the question that is asked now, (dimension,), of any length but 0.
            threshold: the cosine below which a question counts as another one.
        """
        found = self._nearest(vector, scope, epoch, threshold)
        with self._lock:
            self._near_hits += found is not None
            self._near_misses += found is None
        return found

    def clear(self) -> tuple[int, int]:
        """Erases every answer and every vector; returns how many of each."""
        return self.answers.clear(), self.rows.clear()

    def close(self) -> None:
        """Erases everything and gives the memory back; nothing is kept or found afterwards."""
        self.answers.clear()
        self.rows.table.close()

    def stats(self) -> Stats:
        """What the tier holds and what became of what it was asked."""
        table = self.rows.table
        with table.lock:
            slab, capacity, state = table.slab, table.capacity, table.state
        return Stats(
            state=state,
            device=slab.device if slab else "",
            library=slab.library if slab else "",
            dtype=slab.dtype if slab else "",
            capacity=capacity,
            vectors=self.rows.figures(),
            answers=self.answers.figures(),
            shrunk=table.shrunk,
            notes=tuple(table.notes),
            near_hits=self._near_hits,
            near_misses=self._near_misses,
        )

    def _nearest(
        self, vector: Vector, scope: Hashable, epoch: Hashable, threshold: float
    ) -> Nearest | None:
        questions = self.answers.questions(scope, epoch)
        length = float(np.linalg.norm(vector))
        if questions is None or not length:
            return None
        cosines = self.rows.products(vector / length, questions.rows)
        self.answers.learn(questions)
        # NaN, for a vector that has left, is near to nothing; nor is what no cosine can be.
        near = np.flatnonzero((cosines >= threshold) & (cosines < _NO_COSINE))
        for place in near[np.argsort(-cosines[near])].tolist():
            key = questions.answers[place]
            value = self.answers.get(key, epoch)
            if value is not None:
                asked = questions.rows.keys[place]
                self.rows.touch(asked)
                return Nearest(key, asked, min(float(cosines[place]), 1.0), value)
        return None
