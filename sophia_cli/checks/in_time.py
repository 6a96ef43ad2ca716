"""Work that is given up in time, whatever it waits for."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_time(work: Callable[[], T], seconds: float, late: Callable[[], Exception]) -> T:
    """What `work` gives, or what it raises; it goes on by itself where it was too slow.

    Args:
        work: must come to an end of its own at some time: nobody waits for it any more.
        late: makes the error that is raised once the time is over.
    """
    done: queue.SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:
            done.put((None, error))

    # Not of an executor, which Python would wait for at its end, however long that takes.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="look", daemon=True).start()
    try:
        found = done.get(timeout=seconds)
    except queue.Empty:
        raise late() from None
    if found[1] is not None:
        raise found[1]
    return found[0]
