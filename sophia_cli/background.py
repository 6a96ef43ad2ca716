"""Work in the background that nobody waits for unless he wants its result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from sophia_cli.correlation import carried

T = TypeVar("T")


def begun(work: Callable[[], T], name: str) -> Future[T]:
    """Begins a work now, in a thread of its own, as a part of the request that this belongs to.

    Whoever asks for the result waits for it; the end of the program does not. So the work must come
    to an end of its own, and may be cut off anywhere.
    """
    future: Future[T] = Future()

    def act() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    # Not of an executor, which Python would wait for at its end, however long that takes.
    threading.Thread(target=carried(act), name=name, daemon=True).start()
    return future
