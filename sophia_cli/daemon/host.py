"""The service that the resident process keeps open, and its change when the configuration does."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import structlog

from sophia_cli.assembly import OpenService, open_service
from sophia_cli.config.loading import load
from sophia_cli.config.model import Config
from sophia_cli.daemon.upkeep import Upkeep
from sophia_cli.errors import SophiaError
from sophia_cli.home import Home
from sophia_cli.memory.service import MemoryService

log = structlog.get_logger()


class Host:
    """One open service at a time, shared by all commands whose configuration names its tiers."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._changed = threading.Condition()
        self._opened: OpenService | None = None
        self._fingerprint = ""
        self._users = 0
        self._upkeep: Upkeep | None = None

    def warm_up(self) -> None:
        """Opens the service in the background with the configuration of this process."""
        import os

        def open_early() -> None:
            try:
                with self.open(load(dict(os.environ), {}).config):
                    pass
            except SophiaError as error:
                log.warning("not ready", reason=error.message)

        threading.Thread(target=open_early, daemon=True).start()

    @contextlib.contextmanager
    def open(self, config: Config) -> Iterator[MemoryService]:
        """The service for a configuration; waits for others to finish before tiers change."""
        service = self._enter(config)
        try:
            yield service
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Closes the service; the commands that used it have ended."""
        with self._changed:
            self._close_service()

    def _enter(self, config: Config) -> MemoryService:
        fingerprint = config.tiers_fingerprint()
        with self._changed:
            while self._opened is not None and self._fingerprint != fingerprint and self._users:
                self._changed.wait()
            if self._opened is None or self._fingerprint != fingerprint:
                self._close_service()
                log.info("opening", profile=str(config.profile))
                self._opened = open_service(config, self._home)
                self._fingerprint = fingerprint
                self._upkeep = Upkeep(self._opened, config)
                self._upkeep.start()
            self._users += 1
            return self._opened.service

    def _close_service(self) -> None:
        if self._upkeep is not None:
            self._upkeep.stop()
            self._upkeep = None
        if self._opened is not None:
            self._opened.close()
            self._opened = None
