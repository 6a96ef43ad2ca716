"""The service of a command that runs without the resident process, or beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sophia_cli import __version__
from sophia_cli.assembly import open_service
from sophia_cli.config.model import Config
from sophia_cli.daemon import log
from sophia_cli.daemon.borrowing import BorrowedVectors
from sophia_cli.daemon.presence import running, stop
from sophia_cli.errors import TierDown
from sophia_cli.home import Home
from sophia_cli.memory.service import MemoryService


@contextlib.contextmanager
def foreground_service(config: Config, home: Home) -> Iterator[MemoryService]:
    """Opens a service of our own, and closes it; engines that only we use are stopped.

    The edge engine has one process at a time: while the resident process has it, it is borrowed.
    """
    log.beside(home.prepare(), config.log)
    opened = open_service(config, home, _borrowed(config, home))
    try:
        opened.cut_logs(config.log)
        with contextlib.suppress(TierDown):
            while opened.service.indexer.drain():
                pass
        yield opened.service
    finally:
        opened.close()


def _borrowed(config: Config, home: Home) -> BorrowedVectors | None:
    """The vectors of the resident process; None where we can have them ourselves."""
    if config.vector_engine != "edge":
        return None
    resident = running(home)
    if resident is None:
        return None
    if resident.version not in ("", __version__):
        stop(home)  # As for any command of this version: the other one makes way.
        return None
    return BorrowedVectors(home)
