"""Which peers may be asked, and how many calls are on their way through each."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Collection, Iterator


class Traffic:
    """Counts calls by peer and keeps new ones from a peer that is left out.

    Whether a peer is left out is looked at in the same moment in which a call is counted: once a
    peer is left out and its count is 0, no call comes through it any more. Safe to use from many
    threads.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._left_out: frozenset[str] = frozenset()
        self._calls: Counter[str] = Counter()

    @property
    def left_out(self) -> frozenset[str]:
        """The peers that no new call goes through."""
        return self._left_out

    def leave_out(self, urls: Collection[str]) -> tuple[list[str], list[str]]:
        """Leaves out these peers and no others; returns who was not before, and who no longer is.

        Calls that are on their way come to their end.
        """
        with self._changed:
            before, self._left_out = self._left_out, frozenset(urls)
            return sorted(self._left_out - before), sorted(before - self._left_out)

    @contextlib.contextmanager
    def call(self, url: str) -> Iterator[bool]:
        """Counts one call while the block runs, unless the peer is left out: then yields False."""
        with self._changed:
            admitted = url not in self._left_out
            if admitted:
                self._calls[url] += 1
        try:
            yield admitted
        finally:
            if admitted:
                with self._changed:
                    self._calls[url] -= 1
                    self._changed.notify_all()

    def calls(self, url: str) -> int:
        """How many are on their way through a peer just now."""
        return self._calls[url]

    def idle(self, url: str, timeout: float) -> bool:
        """Waits until none is, at most `timeout` seconds; returns whether none is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._calls[url] == 0, timeout)
