"""The service that the resident process keeps open, and its change when the configuration does."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator

from sophia_cli.assembly import OpenService, open_service
from sophia_cli.config.loading import load
from sophia_cli.config.model import Config
from sophia_cli.daemon.upkeep import Upkeep
from sophia_cli.engines.process import Engine
from sophia_cli.engines.users import EngineUse
from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.home import Home
from sophia_cli.logs.events import log
from sophia_cli.memory.service import MemoryService

_PAUSE = 0.1
_CHANGE_TIMEOUT = 60.0


class Host:
    """One open service at a time, shared by all commands whose configuration names its tiers.

    A command with another configuration waits until those that run have ended; those that come
    after it wait behind it, whatever theirs is, so that it gets its turn. The embedded engines run
    on meanwhile, also one that the present configuration has no use for: until `close`.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._use = EngineUse(home)
        self._engines: dict[str, Engine] = {}
        self._turn = threading.Condition()
        self._changing = False
        self._ended = False
        self._users = 0
        self._opened: OpenService | None = None
        self._fingerprint = ""
        self._upkeep: Upkeep | None = None

    def warm_up(self) -> threading.Thread:
        """Opens the service in the background with the configuration of this process."""

        def open_early() -> None:
            try:
                with self.open(load(dict(os.environ), {}).config) as service:
                    service.warm_up()
            except SophiaError as error:
                log.warning("not ready", reason=error.message)
            except Exception:
                log.exception("not ready")

        opening = threading.Thread(target=open_early, daemon=True)
        opening.start()
        return opening

    @contextlib.contextmanager
    def open(
        self, config: Config, check: Callable[[], None] = lambda: None
    ) -> Iterator[MemoryService]:
        """The service for a configuration.

        Args:
            check: raises when the command has been cancelled; asked while it waits.

        Raises:
            Unreachable: commands with another configuration do not come to their end.
            SophiaError: the service cannot be opened; see `open_service`.
        """
        service = self._enter(config, check)
        try:
            yield service
        finally:
            with self._turn:
                self._users -= 1
                self._turn.notify_all()

    def close(self) -> None:
        """Closes the service for good and stops the engines, unless another process uses them."""
        with self._turn:
            self._ended = True
            self._turn.wait_for(lambda: not self._changing, timeout=_CHANGE_TIMEOUT)
            self._close_service()
            if self._use.last_user():
                for engine in self._engines.values():
                    engine.stop()
            self._use.release()

    def _enter(self, config: Config, check: Callable[[], None]) -> MemoryService:
        fingerprint = config.tiers_fingerprint()
        deadline = time.monotonic() + _CHANGE_TIMEOUT
        with self._turn:
            while self._changing:
                self._wait(check, deadline)
            if self._ended:
                raise Unreachable("the resident process is ending", "run it again")
            if self._opened is not None and self._fingerprint == fingerprint:
                self._users += 1
                return self._opened.service
            self._changing = True
        # From here to the end of the change nobody else enters, so the lock is not needed.
        try:
            with self._turn:
                while self._users:
                    self._wait(check, deadline)
            service = self._change(config, fingerprint)
            self._users = 1
            return service
        finally:
            with self._turn:
                self._changing = False
                self._turn.notify_all()

    def _wait(self, check: Callable[[], None], deadline: float) -> None:
        check()
        if time.monotonic() > deadline:
            raise Unreachable(
                "commands with another configuration are still at work",
                "run it again when they have ended",
            )
        self._turn.wait(_PAUSE)

    def _change(self, config: Config, fingerprint: str) -> MemoryService:
        self._close_service()
        log.info("opening", profile=str(config.profile))
        self._use.acquire()
        self._opened = open_service(config, self._home, stays=True)
        self._engines |= {engine.name: engine for engine in self._opened.engines}
        self._fingerprint = fingerprint
        self._upkeep = Upkeep(self._opened, config)
        self._upkeep.start()
        return self._opened.service

    def _close_service(self) -> None:
        if self._upkeep is not None:
            self._upkeep.stop()
            self._upkeep = None
        if self._opened is not None:
            opened, self._opened = self._opened, None
            opened.close()
