"""`message_send_failures`: what consensus could not send, by address."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

_CLOSURE = "Error in closure supplied to transport channel pool: "


def now() -> str:
    """As the server writes times with nanoseconds: `2026-11-23T19:07:36.181089979Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


def now_ms() -> str:
    """As it writes times with milliseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class SendFailures:
    """Counts of what failed since the last message that arrived. A peer that is spoken to no more
    stays listed, though it may long be another one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed: dict[str, dict[str, Any]] = {}

    def failed(self, uri: str, error: str) -> None:
        with self._lock:
            count = self._failed.get(uri, {"count": 0})["count"] + 1
            self._failed[uri] = {
                "count": count,
                "latest_error": _CLOSURE + error,
                "latest_error_timestamp": now(),
            }

    def arrived(self, uri: str) -> None:
        with self._lock:
            self._failed.pop(uri, None)

    def listed(self) -> dict[str, Any]:
        with self._lock:
            return dict(self._failed)
