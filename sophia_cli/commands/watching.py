"""Views that go on until Ctrl-C: how often they look, and at what."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from sophia_cli.config.durations import format_duration, parse_duration
from sophia_cli.errors import InvalidInput
from sophia_cli.invocation import Invocation
from sophia_cli.memory.service import MemoryService

T = TypeVar("T")

_SHORTEST, _USUAL, _LONGEST = timedelta(milliseconds=100), timedelta(seconds=2), timedelta(hours=1)


def pause_of(given: str | None) -> timedelta:
    """The time between two looks; 2 s unless given.

    Raises:
        InvalidInput: too short or too long.
    """
    pause = _USUAL if given is None else parse_duration(given)
    if not _SHORTEST <= pause <= _LONGEST:
        bounds = f"{format_duration(_SHORTEST)} and {format_duration(_LONGEST)}"
        raise InvalidInput(f"--interval {given} is not between {bounds}")
    return pause


@contextlib.contextmanager
def looking(
    invocation: Invocation, look: Callable[[MemoryService], T]
) -> Iterator[Callable[[], T]]:
    """A function that looks now.

    The resident process's service is given back between two looks: a command with another
    configuration waits for those that have it.
    """

    def anew() -> T:
        with invocation.service() as service:
            return look(service)

    if invocation.opener is not None:
        yield anew
        return
    with invocation.service() as service:
        yield lambda: look(service)
