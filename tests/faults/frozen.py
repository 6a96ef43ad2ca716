"""Processes that are frozen and thawed: alive, listening, and silent."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def freeze(pid: int) -> None:
    """Stops a process and all that it started: PostgreSQL answers from children of its own."""
    os.kill(pid, signal.SIGSTOP)
    for child in _children(pid):
        freeze(child)


def thaw(pid: int) -> None:
    """Lets them go on."""
    for child in _children(pid):
        thaw(child)
    os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def frozen(pid: int | None) -> Iterator[None]:
    """Frozen for the length of a block."""
    assert pid
    freeze(pid)
    try:
        yield
    finally:
        thaw(pid)


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found
