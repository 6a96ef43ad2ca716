"""One event in the log for each operation: what it was, who served it, how long each tier took."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sophia_cli.errors import SophiaError
from sophia_cli.logs.events import log
from sophia_cli.memory.model import Kind
from sophia_cli.memory.trace import Trace


@dataclass(slots=True)
class Noted:
    """What the event says besides what the trace knows.

    Attributes:
        count: how many memories came back, were stored, changed or erased.
        kinds: of which kinds.
    """

    count: int = 0
    kinds: Iterable[Kind] = ()


@contextmanager
def noted(operation: str, trace: Trace) -> Iterator[Noted]:
    """The block is one operation; the event follows it, also when it fails.

    Of what is degraded only the tiers are named: a cause may quote what a server was sent.
    """
    started = time.perf_counter()
    note = Noted()
    before = dict(trace.tiers)
    code = None
    try:
        yield note
    except SophiaError as error:
        code = error.code
        raise
    except Exception:
        code = "internal"
        raise
    finally:
        log.info(
            "operation",
            operation=operation,
            served_by=trace.served_by,
            duration_ms=round((time.perf_counter() - started) * 1000, 3),
            tiers_ms={
                tier: round(spent - before.get(tier, 0.0), 3)
                for tier, spent in trace.tiers.items()
                if spent != before.get(tier)
            },
            count=note.count,
            kinds=sorted({kind.value for kind in note.kinds}),
            degraded=[reason.partition(":")[0] for reason in trace.degraded],
            error=code,
        )
