"""The configuration as it is now; while a mistake stands in it, as it was before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sophia_cli.config.faces import Rest
from sophia_cli.config.model import Config
from sophia_cli.errors import ConfigurationError

_LOOK_EVERY = 1.0


class Settings:
    """Reads it again at most once a second. Safe to use from many threads.

    Args:
        read: reads it.
        clock: seconds that never go back.
    """

    def __init__(
        self, read: Callable[[], Config], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._until = 0.0
        self._good: Config | None = None
        self._fault: ConfigurationError | None = None

    @property
    def config(self) -> Config:
        """The last one that could be used.

        Raises:
            ConfigurationError: there has been none since the start.
        """
        self._look()
        if self._good is None and self._fault is not None:
            raise self._fault
        return self._good or Config()

    @property
    def rest(self) -> Rest:
        """What it says of REST, or the defaults."""
        self._look()
        return Rest() if self._good is None else self._good.rest

    @property
    def fault(self) -> str | None:
        """The mistake that stands in it now, in one line."""
        self._look()
        return None if self._fault is None else self._fault.message.partition("\n")[0]

    def _look(self) -> None:
        if self._clock() < self._until:
            return
        with self._lock:
            self._until = self._clock() + _LOOK_EVERY
            try:
                self._good, self._fault = self._read(), None
            except ConfigurationError as error:
                self._fault = error
