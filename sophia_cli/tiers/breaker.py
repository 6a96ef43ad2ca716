"""A circuit breaker: a tier that did not answer is left alone for a moment, and nobody waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sophia_cli.errors import TierDown
from sophia_cli.logs.events import log

COOLDOWN = 1.0
"""How long calls fail at once after a failure, seconds."""

LOOK = 2.0
"""What a look at whether the tier is back may take at most, seconds."""


class Breaker:
    """Closed while a tier answers. Opened by a failure: then one call at a time may look again.

    Args:
        down: makes the error of the tier from its cause.
        cooldown: seconds for which calls fail at once after a failure.
    """

    def __init__(self, down: Callable[[str], TierDown], cooldown: float = COOLDOWN) -> None:
        self._down = down
        self._cooldown = cooldown
        self._lock = threading.Lock()
        self._cause: str | None = None
        self._until = 0.0

    @property
    def open(self) -> bool:
        """Whether the last call failed."""
        return self._cause is not None

    def enter(self) -> bool:
        """Whether this call is the one that looks: it should ask for little, and wait for less.

        Raises:
            TierDown: the tier failed a moment ago, or another call is looking; the cause is that
                of the last failure.
        """
        if self._cause is None:
            return False
        with self._lock:
            if self._cause is None:
                return False
            now = time.monotonic()
            if now < self._until:
                raise self._down(self._cause)
            # A look that never comes back to say how it went stands in the way no longer than this.
            self._until = now + LOOK
            return True

    def passed(self) -> None:
        """The tier answered, if only to refuse: everybody may call."""
        if self._cause is not None:
            with self._lock:
                was, self._cause = self._cause, None
            if was is not None:
                log.info("breaker closed", tier=self._down("").tier)

    def failed(self, cause: str, bare: str | None = None) -> TierDown:
        """The tier did not answer; returns the error to raise.

        Args:
            bare: the cause for the log, without a server's words where it may quote what was sent.
        """
        with self._lock:
            was, self._cause = self._cause, cause
            self._until = time.monotonic() + self._cooldown
        down = self._down(cause)
        if was is None:
            log.warning("breaker opened", tier=down.tier, cause=bare or cause)
        return down
