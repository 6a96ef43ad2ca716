"""What the resident process does between commands: the index catches up, what has ended leaves."""

from __future__ import annotations

import threading
import time

from sophia_cli.assembly import OpenService
from sophia_cli.config.model import Config
from sophia_cli.environment import utc_now
from sophia_cli.errors import SophiaError, TextRefused, TierDown
from sophia_cli.heap import return_freed_memory
from sophia_cli.logs.events import log
from sophia_cli.memory.trace import Trace

_FLUSH_EVERY = 10.0
# A tier that is down fails at once, so it costs little to look often; and what it is owed is wanted
# soon after it is back. A text that the embedder will not take is another matter.
_LONGEST_PAUSE = 2.0
_LONGEST_PAUSE_OF_A_TEXT = 30.0


class Upkeep(threading.Thread):
    """One thread; every fault is logged once and tried again, more slowly while it lasts."""

    def __init__(self, opened: OpenService, config: Config) -> None:
        super().__init__(name="upkeep", daemon=True)
        self._opened = opened
        self._pause = config.resident.drain_interval.total_seconds()
        self._log = config.log
        self._ended = threading.Event()

    def run(self) -> None:
        """Works until `stop`."""
        self._opened.service.open_front()
        pause, said = self._pause, ""
        flushed = time.monotonic()
        while not self._ended.wait(pause):
            try:
                self._work()
                if time.monotonic() - flushed > _FLUSH_EVERY:
                    self._opened.checkpoint()
                    self._opened.cut_logs(self._log)
                    self._opened.service.records.idempotency.prune()
                    return_freed_memory()
                    flushed = time.monotonic()
                pause, said = self._pause, ""
            except SophiaError as error:
                if error.message != said:
                    tier = error.tier if isinstance(error, TierDown) else None
                    log.warning("upkeep", code=error.code, tier=tier)
                said = error.message
                of_text = isinstance(error, TextRefused)
                pause = min(pause * 2, _LONGEST_PAUSE_OF_A_TEXT if of_text else _LONGEST_PAUSE)
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
        service.meters.take_in()
        now = utc_now()
        service.records.outbox.owe_expired(now)
        while service.indexer.drain() and not self._ended.is_set():
            pass
        service.follow()
        if service.records.outbox.answers_to_erase():
            service.erase_answers(Trace())
