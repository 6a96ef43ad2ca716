"""Whether what was read of the store still holds: by the writes since, and who else may write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

Alone = Callable[[], int | None]


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment without writes: whatever is read after it holds while it is the present one."""

    written: int
    writers: int


class Writes:
    """The writes of this process, counted; safe to use from threads.

    A write is unsettled when its connection failed: the server may carry it out later, whatever
    the caller was told. Until the server process that had it is gone, there is no moment.

    Args:
        alone: a number that moves when another process came that may write; None while one is
            here. Without it, there is never a moment.
    """

    def __init__(self, alone: Alone | None) -> None:
        self._alone = alone
        self._lock = threading.Lock()
        self._under_way = 0
        self._written = 0
        self._unsettled: set[int] = set()

    def moment(self) -> Moment | None:
        """The present moment; None while something is written, or another process may write."""
        if self._alone is None:
            return None
        with self._lock:
            if self._under_way or self._unsettled:
                return None
            writers = self._alone()
            return None if writers is None else Moment(self._written, writers)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Something is written in the block, or may be."""
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                self._written += 1

    def unsettle(self, backend: int) -> None:
        """A connection failed while its server process, `backend`, may have been writing."""
        with self._lock:
            self._unsettled.add(backend)

    def unsettled(self) -> list[int]:
        """The server processes that may still write what was given up here."""
        with self._lock:
            return list(self._unsettled)

    def settle(self, backends: Sequence[int]) -> None:
        """These server processes are gone."""
        with self._lock:
            self._unsettled.difference_update(backends)
