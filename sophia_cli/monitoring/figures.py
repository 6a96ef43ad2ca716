"""Figures that a tier must be asked for: kept some seconds, and asked in the background.

So a scrape costs the tiers little however often it comes, and one that hangs costs it one short
wait, once: while that question is under way, nobody waits for it again.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sophia_cli.environment import utc_now
from sophia_cli.errors import SophiaError, TierDown
from sophia_cli.memory.model import KINDS
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace
from sophia_cli.tiers.gpu_cache import readings

PATIENCE = 0.5
"""Seconds that a scrape waits for all tiers together."""
LATE = 2.0
"""Seconds without an answer from which on a tier is not up. A tier at work may take its time."""
_SOON, _LATER = 4.0, 30.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, of which tier, and for how many seconds an answer will do."""

    name: str
    tier: str | None
    ask: Callable[[MemoryService], Any]
    fresh: float


QUESTIONS = (
    Question("outbox", "records", lambda service: service.records.outbox.size(), _SOON),
    Question(
        "points",
        "vectors",
        lambda service: {kind.value: service.vectors.count(kind) for kind in KINDS},
        _SOON,
    ),
    Question("hot_cache", "hot_cache", lambda service: service.answers.figures(), _SOON),
    Question("memories", "records", lambda service: _memories(service), _LATER),
    Question("records_bytes", "records", lambda s: s.records.queries.bytes_on_disk(), _LATER),
    Question("vectors_bytes", "vectors", lambda s: s.vectors.bytes_on_disk(), _LATER),
    Question("gpu", None, lambda _: readings(), _SOON),
)
"""The first of a tier is what says whether it is up."""


@dataclass(slots=True)
class _Kept:
    """The last answer to a question, and the one that is awaited.

    Attributes:
        value: None before the first answer and after a failure.
        up: whether the last one came; None before the first.
        fault: of the last answer, if it was none that a tier may have.
        asked_at: monotonic seconds.
        ended: set unless an answer is awaited.
    """

    value: Any = None
    up: bool | None = None
    fault: str = ""
    asked_at: float = float("-inf")
    ended: threading.Event | None = None


class Figures:
    """The answers to `QUESTIONS` by one service. Safe to use from threads.

    It keeps no service alive: what is asked of one that is gone stays unanswered.
    """

    def __init__(self, service: MemoryService, patience: float = PATIENCE) -> None:
        self._service = weakref.ref(service)
        self._patience = patience
        self._lock = threading.Lock()
        self._kept = {question.name: _Kept() for question in QUESTIONS}

    def refresh(self) -> None:
        """Asks what is too old, and waits a little for the answers."""
        deadline = time.monotonic() + self._patience
        for ended in [self._asked(question) for question in QUESTIONS if self._is_due(question)]:
            ended.wait(max(0.0, deadline - time.monotonic()))

    def __getitem__(self, name: str) -> Any:
        """The last answer to a question; None where there is none."""
        return self._kept[name].value

    def up(self, tier: str) -> bool | None:
        """Whether a tier answered when it was last asked, and in time; None if not known yet."""
        kept = self._kept[_probe(tier).name]
        if kept.ended is not None and time.monotonic() - kept.asked_at >= LATE:
            return False
        return kept.up

    def _is_due(self, question: Question) -> bool:
        kept = self._kept[question.name]
        with self._lock:
            due = kept.ended is None and time.monotonic() - kept.asked_at >= question.fresh
            if due:
                kept.asked_at, kept.ended = time.monotonic(), threading.Event()
        return due

    def _asked(self, question: Question) -> threading.Event:
        ended = self._kept[question.name].ended
        assert ended is not None  # noqa: S101  (it is due: nobody else asks it)
        threading.Thread(
            target=self._ask, args=(question,), name=f"figures-{question.name}", daemon=True
        ).start()
        return ended

    def _ask(self, question: Question) -> None:
        kept = self._kept[question.name]
        value, up, fault = None, False, ""
        try:
            service = self._service()
            if service is not None:
                value, up = _answer(service, question), True
        except SophiaError:
            pass  # That the tier is down is what there is to tell.
        except Exception as error:
            fault = type(error).__name__
            if fault != kept.fault:
                log.warning("metrics: %s is missing: %s", question.name, fault)
        finally:
            kept.value, kept.up, kept.fault = value, up, fault
            ended, kept.ended = kept.ended, None
            if ended is not None:
                ended.set()


def _probe(tier: str) -> Question:
    return next(question for question in QUESTIONS if question.tier == tier)


def _answer(service: MemoryService, question: Question) -> Any:
    if question.tier is None:
        return question.ask(service)
    with service.meters.look(trace := Trace()):
        try:
            with trace.tier(question.tier):
                return question.ask(service)
        except TierDown as error:
            trace.answered[error.tier] = False
            raise


def _memories(service: MemoryService) -> Iterable[tuple[str, str, int]]:
    counts = service.records.queries.counts(utc_now())
    return [
        (kind.value, state, count) for kind, each in counts.items() for state, count in each.items()
    ]
