"""`comparison`: every point compared with the records, and what it costs those who recall."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import latency, rate, ratio
from sophia_cli.bench.measure import Measurement
from sophia_cli.bench.pace import BATCH
from sophia_cli.bench.results import Limit
from sophia_cli.bench.texts import questions
from sophia_cli.checks.digests.comparison import RANGE, compare
from sophia_cli.checks.digests.difference import Named
from sophia_cli.memory.model import KINDS
from sophia_cli.memory.ports import Copy
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.trace import Trace

# So that it can be stopped within milliseconds.
_SIZE = 256
_BOUND = Limit(1.5)


class _Ended(Exception):
    """The measurement is over."""


class _Beside(threading.Thread):
    """Compares everything again and again, while it is let."""

    def __init__(self, context: Context, home: Path) -> None:
        super().__init__(name="comparison", daemon=True)
        self._context = context
        self._home = home
        self._turn = threading.Condition()
        self._wanted = self._ended = False
        self._working = False

    def __enter__(self) -> _Beside:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._turn:
            self._ended = True
            self._turn.notify_all()
        self.join()

    def run(self) -> None:
        """Works until the end."""
        try:
            while True:
                _compare(self._context, self._home, self._wait, _SIZE)
        except _Ended:
            return

    def let(self, wanted: bool) -> None:
        """Has it go on, or stop; returns once it does."""
        with self._turn:
            self._wanted = wanted
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._working is wanted, timeout=30.0)

    def _wait(self, _: float) -> None:
        with self._turn:
            self._working = self._wanted
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._wanted or self._ended)
            if self._ended:
                raise _Ended
            self._working = True
            self._turn.notify_all()


def run(context: Context) -> Iterator[Measurement]:
    """All of the store; then new questions, alone and while it is compared, in turns."""
    service = context.service
    points = sum(service.vectors.count(kind) for kind in KINDS)
    yield Measurement(
        lambda _: _compare(context, context.home.root),
        paced_by=(BATCH,),
        figures=lambda spent, pace: [rate("points compared a second", spent, points, pace)],
    )
    # Each notes in a directory of its own how far it has come.
    aside = context.until_the_end(tempfile.TemporaryDirectory(prefix="sophia-bench-"))
    beside = context.until_the_end(_Beside(context, Path(aside)))
    texts = questions(20, seed=11)

    def ask(purpose: str, number: int) -> None:
        text = f"{texts[number % len(texts)]} ({purpose} {number})"
        candidates = context.config.recall.candidates
        service.recall(Question(text), candidates, datetime.now(UTC), Trace())

    yield Measurement(
        lambda _: beside.let(True),
        lambda n: ask("beside", n),
        lambda _: beside.let(False),
        lambda n: ask("alone", n),
        figures=lambda _on, during, _off, alone, pace: [
            latency("recall while all is compared", during, pace),
            ratio("recall while all is compared, to alone", during, alone, pace, bound=_BOUND),
        ],
    )


def _compare(
    context: Context,
    home: Path,
    wait: Callable[[float], object] = lambda _: None,
    size: int = RANGE,
) -> None:
    copies = [Named("", cast(Copy, context.service.vectors))]
    compare(context.service, copies, home, wait=wait, pauses=(), size=size)
