"""The switches of one peer: a JSON file that is read whenever it has changed.

`STANDIN_CONTROL` names it; by default it is `standin.json` in the storage. See README.md.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

CUT_FROM = "cut_from"
DISK_FULL = "disk_full"
CONSENSUS_STOPPED = "consensus_stopped"
LOSE_WRITES = "lose_writes"
HOLD_TRANSFERS = "hold_transfers"
KNOWN = {CUT_FROM, DISK_FULL, CONSENSUS_STOPPED, LOSE_WRITES, HOLD_TRANSFERS}
EVERYBODY = "*"


class Control:
    """What the file says now; a file that is not there says nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._given: dict[str, Any] = {}

    def get(self, switch: str) -> Any:
        """A switch's value; None where it is not set.

        Raises:
            ValueError: the file has a switch that there is not.
        """
        with self._lock:
            try:
                status = self.path.stat()
            except FileNotFoundError:
                self._seen, self._given = None, {}
                return None
            seen = (status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                self._given = self._read()
                self._seen = seen
            return self._given.get(switch)

    def is_cut_from(self, uri: str) -> bool:
        """Whether the peer at `uri` cannot be reached, nor reach this one."""
        cut = self.get(CUT_FROM) or []
        return EVERYBODY in cut or uri.rstrip("/") in [one.rstrip("/") for one in cut]

    def _read(self) -> dict[str, Any]:
        given: dict[str, Any] = json.loads(self.path.read_text())
        if unknown := set(given) - KNOWN:
            raise ValueError(f"{self.path}: the stand-in has no switch {', '.join(unknown)}")
        return given


def write(path: Path, **switches: Any) -> None:
    """Sets the switches of a peer, in one step; those that are not named are off."""
    coming = path.with_suffix(".coming")
    coming.write_text(json.dumps(switches))
    coming.replace(path)
