"""One event in the log for each operation: what it was, who served it, how long each tier took."""

from __future__ import annotations

import time
from typing import Any

from sophia_cli.errors import SophiaError
from sophia_cli.logs.events import log
from sophia_cli.memory.trace import Trace

_NOTHING: dict[str, Any] = {"count": 0, "kinds": []}


class Noted:
    """The block is one operation; the event follows it, also when it fails.

    Of what is degraded only the tiers are named: a cause may quote what a server was sent. A class,
    since a generator takes twice as long.
    """

    __slots__ = ("_before", "_operation", "_started", "_trace")

    def __init__(self, operation: str, trace: Trace) -> None:
        self._operation = operation
        self._trace = trace

    def __enter__(self) -> None:
        self._before = self._trace.tiers.copy()
        self._started = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        spent = time.perf_counter() - self._started
        trace, before, code = self._trace, self._before, None
        if error is not None:
            code = error.code if isinstance(error, SophiaError) else "internal"
        log.info(
            "operation",
            operation=self._operation,
            served_by=trace.served_by,
            duration_ms=round(spent * 1000, 3),
            tiers_ms={
                tier: round(took - before.get(tier, 0.0), 3)
                for tier, took in trace.tiers.items()
                if took != before.get(tier)
            },
            **(trace.facts or _NOTHING),
            degraded=[reason.partition(":")[0] for reason in trace.degraded],
            error=code,
        )
