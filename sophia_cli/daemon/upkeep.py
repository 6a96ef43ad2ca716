"""What the resident process does between commands: the index catches up, what has ended leaves."""

from __future__ import annotations

import threading
import time

import structlog

from sophia_cli.assembly import OpenService
from sophia_cli.config.model import Config
from sophia_cli.environment import utc_now
from sophia_cli.errors import SophiaError
from sophia_cli.heap import return_freed_memory
from sophia_cli.memory.trace import Trace

_FLUSH_EVERY = 10.0
_LONGEST_PAUSE = 30.0
log = structlog.get_logger()


class Upkeep(threading.Thread):
    """One thread; every fault is logged and tried again, more slowly while it lasts."""

    def __init__(self, opened: OpenService, config: Config) -> None:
        super().__init__(name="upkeep", daemon=True)
        self._opened = opened
        self._pause = config.resident.drain_interval.total_seconds()
        self._ended = threading.Event()

    def run(self) -> None:
        """Works until `stop`."""
        self._opened.service.open_front()
        pause = self._pause
        flushed = time.monotonic()
        while not self._ended.wait(pause):
            try:
                self._work()
                if time.monotonic() - flushed > _FLUSH_EVERY:
                    self._opened.checkpoint()
                    return_freed_memory()
                    flushed = time.monotonic()
                pause = self._pause
            except SophiaError as error:
                log.warning("upkeep", reason=error.message)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Exception:
                log.exception("upkeep failed")
                pause = min(pause * 2, _LONGEST_PAUSE)

    def stop(self) -> None:
        """Ends the thread and waits for what it is just doing."""
        self._ended.set()
        if self.is_alive():
            self.join(timeout=30.0)

    def _work(self) -> None:
        service = self._opened.service
        now = utc_now()
        service.records.outbox.owe_expired(now)
        while service.indexer.drain() and not self._ended.is_set():
            pass
        service.follow()
        if service.records.outbox.answers_to_erase():
            service.erase_answers(Trace())
