"""What takes long to load is loaded before it is wanted, in moments when no command runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib import import_module

from sophia_cli.logs.events import log
from sophia_cli.own_process import keep_what_is_loaded

# In pieces, so that a command that comes meanwhile shares the interpreter with one of them only.
_MODULES = (
    "mcp_types._types",
    "mcp_types._v2025_11_25",
    "mcp_types._v2026_07_28",
    "mcp.server.lowlevel",
    "sophia_cli.mcp.stdio",
    "sophia_cli.mcp.server",
)
_QUIET = 0.3
# It takes a second of a processor: not from the commands for which the process was started.
_BEGIN_AFTER = 5.0
_PATIENCE = 10.0
_POLL = 0.05


def preload(
    after: threading.Thread, busy: Callable[[], bool], begin_after: float = _BEGIN_AFTER
) -> threading.Thread:
    """Loads the SDK of `sophia mcp` in the background; returns the thread that does.

    Args:
        after: what is to end first.
        busy: whether a command runs; it is waited for, but not for ever.
        begin_after: seconds without a command before anything is loaded.
    """

    def work() -> None:
        after.join()
        _wait_until_quiet(busy, begin_after)
        for name in _MODULES:
            _wait_until_quiet(busy, _QUIET)
            try:
                import_module(name)
            except Exception:
                log.exception("cannot be loaded", module=name)
                return
        keep_what_is_loaded()

    loading = threading.Thread(target=work, name="preloading", daemon=True)
    loading.start()
    return loading


def _wait_until_quiet(busy: Callable[[], bool], seconds: float) -> None:
    now = time.monotonic()
    quiet_since, end = now, now + seconds + _PATIENCE
    while now < min(quiet_since + seconds, end):
        time.sleep(_POLL)
        now = time.monotonic()
        if busy():
            quiet_since = now
