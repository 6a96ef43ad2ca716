"""Whether every tier does its work just now: looked at together, within a time, at most once a
second whoever asks.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from sophia_cli.daemon.rest.backend import Backend
from sophia_cli.errors import SophiaError
from sophia_cli.memory.probes import PROBES

NEEDED = frozenset(("records", "vectors", "embedding"))
"""The tiers without which not everything can be done; the others only make it fast."""
_TIMEOUT = 2.0
_HOLDS = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one tier's probe.

    Attributes:
        state: `ok`, `off` where it is turned off, `failed`.
        duration_ms: how long it took.
        reason: why it failed.
    """

    state: str
    duration_ms: float
    reason: str | None = None


class Readiness:
    """The verdicts on all tiers, shared by all who ask. For the event loop's thread.

    Args:
        backend: the way to the service.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._look: asyncio.Task[Mapping[str, Verdict]] | None = None
        self._since = 0.0
        self._probing: dict[str, Future[Verdict]] = {}

    async def verdicts(self) -> Mapping[str, Verdict]:
        """By tier; at most a second old when it is begun to be asked for."""
        look = self._look
        if look is None or (look.done() and time.monotonic() - self._since > _HOLDS):
            look = self._look = asyncio.create_task(self._looked())
            self._since = time.monotonic()
        return await asyncio.shield(look)

    async def _looked(self) -> Mapping[str, Verdict]:
        probing = {tier: self._probe(tier) for tier in PROBES}
        waiting = {tier: asyncio.wrap_future(future) for tier, future in probing.items()}
        done, _ = await asyncio.wait(waiting.values(), timeout=_TIMEOUT)
        return {
            tier: future.result() if future in done else _no_answer()
            for tier, future in waiting.items()
        }

    def _probe(self, tier: str) -> Future[Verdict]:
        """Begins to probe a tier, unless the last time has not come to its end yet."""
        before = self._probing.get(tier)
        if before is not None and not before.done():
            return before
        future = self._probing[tier] = Future()
        # Daemons: one that hangs must not hold up the end of the process.
        threading.Thread(
            target=self._run, args=(tier, future), name=f"probe {tier}", daemon=True
        ).start()
        return future

    def _run(self, tier: str, future: Future[Verdict]) -> None:
        started = time.perf_counter()

        def verdict(state: str, reason: str | None = None) -> Verdict:
            return Verdict(state, round((time.perf_counter() - started) * 1000, 3), reason)

        try:
            with self._backend.service() as service:
                used = PROBES[tier](service)
            future.set_result(verdict("ok" if used else "off"))
        except SophiaError as error:
            future.set_result(verdict("failed", error.message))
        except Exception as error:
            future.set_result(verdict("failed", f"{tier}: {type(error).__name__}"))


def _no_answer() -> Verdict:
    return Verdict("failed", _TIMEOUT * 1000, f"no answer within {_TIMEOUT:g} s")
