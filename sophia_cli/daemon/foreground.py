"""The service of a command that runs without the resident process, or beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sophia_cli.assembly import open_service
from sophia_cli.config.model import Config
from sophia_cli.daemon.borrowing import BorrowedVectors
from sophia_cli.daemon.process import running
from sophia_cli.errors import TierDown
from sophia_cli.home import Home
from sophia_cli.memory.service import MemoryService


@contextlib.contextmanager
def foreground_service(config: Config, home: Home) -> Iterator[MemoryService]:
    """Opens a service of our own, and closes it; engines that only we use are stopped.

    The edge engine has one process at a time: while the resident process has it, it is borrowed.
    """
    borrowed = None
    if config.vector_engine == "edge" and running(home) is not None:
        borrowed = BorrowedVectors(home)
    opened = open_service(config, home, borrowed)
    try:
        with contextlib.suppress(TierDown):
            while opened.service.indexer.drain():
                pass
        yield opened.service
    finally:
        opened.close()
