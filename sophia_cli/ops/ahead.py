"""Work that is begun before its turn comes, all of it at once."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Ahead(Generic[K, T]):
    """Several works, each begun now in a thread of its own, and taken by its key.

    Nobody waits for one that is not taken, not even the end of the program: so each must have a
    time-out of its own, and may change nothing that has to be whole.
    """

    def __init__(self, works: Mapping[K, Callable[[], T]]) -> None:
        self._begun = {key: _begin(work) for key, work in works.items()}

    def take(self, key: K) -> T:
        """What a work came to, once it has ended.

        Raises:
            KeyError: it was not begun.
        """
        return self._begun[key].result()

    def __contains__(self, key: K) -> bool:
        return key in self._begun


def _begin(work: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def act() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    # Not of an executor, which Python would wait for at its end.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(act,), name="ahead", daemon=True).start()
    return future
