"""Work that is given up in time, whatever it waits for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import wait
from typing import TypeVar

from sophia_cli.background import begun

T = TypeVar("T")


def in_time(work: Callable[[], T], seconds: float, late: Callable[[], Exception]) -> T:
    """What `work` gives, or what it raises; it goes on by itself where it was too slow.

    Args:
        work: must come to an end of its own at some time: nobody waits for it any more.
        late: makes the error that is raised once the time is over.
    """
    result = begun(work, "look")
    if not wait([result], seconds).done:
        raise late()
    return result.result()
