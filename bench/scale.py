"""How recall, ingest and memory grow with the store: python bench/scale.py 10000 100000 300000.

The stores are filled without embedding: their vectors lie around those of a thousand embedded
turns. Questions, and the turns that ingest is measured with, are embedded as always. A large store
is measured in turns with the first one, so that both have the same machine; what counts is the
ratio.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from stores import MadeUp, fresh_home
from texts import questions, turns

from sophia_cli import assembly
from sophia_cli.config.model import Config
from sophia_cli.daemon.presence import running
from sophia_cli.home import Home
from sophia_cli.memory.model import KINDS, Draft, Where
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.words import embedded_text

_BATCH = 256
_ROUNDS = 300
_WARM = 20
_WRITTEN = 10
_LIMIT = Config().recall.candidates


@click.command()
@click.argument("sizes", type=int, nargs=-1, required=True)
def main(sizes: tuple[int, ...]) -> None:
    """Prints the figures of each size, ascending, beside those of the first."""
    made_up = MadeUp()
    small, *large = sizes
    with fresh_home() as first, fresh_home() as second:
        base = assembly.open_service(Config(), first, through=made_up)
        fill(base.service, made_up, 0, small)
        stored = 0
        for size in large:
            grown = assembly.open_service(Config(), second, through=made_up)
            fill(grown.service, made_up, stored, size)
            recalls(base.service, grown.service, small, size)
            ingest(grown.service, size)
            while_written(grown.service, size)
            stored = size
            reopened(grown, second, size)
        base.close()


def fill(service: MemoryService, made_up: MadeUp, stored: int, size: int) -> None:
    """Stores turns until there are `size`."""
    started = time.perf_counter()
    with made_up.filling():
        for batch in _batches(itertools.islice(turns(size), stored, None)):
            service.remember(batch, datetime.now(UTC), Trace())
    spent = time.perf_counter() - started
    service.vectors.flush()
    report(f"stored without embedding, {stored:,} to {size:,}", f"{(size - stored) / spent:.0f}/s")
    report("memory of this process", _resident())


def recalls(base: MemoryService, service: MemoryService, small: int, size: int) -> None:
    """Searches and recalls of both stores, each with its embedding, in turns."""
    asked = questions(_ROUNDS, seed=size)
    made = base.embedder.embed(asked)
    searches: tuple[list[float], list[float]] = ([], [])
    spent: tuple[list[float], list[float]] = ([], [])
    tiers: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    embedding = []
    for text, vector in zip(asked, made, strict=True):
        for spent_on, one in zip(searches, (base, service), strict=True):
            spent_on.append(_timed(lambda one=one, text=text, v=vector: _search(one, text, v)))
    for number, text in enumerate(asked):
        embedding.append(_timed(lambda text=text: base.embedder.embed([text + " "])))
        for place, one in enumerate((base, service)):
            trace = Trace()
            call = lambda one=one, text=text, trace=trace: _ask(one, text, trace)  # noqa: E731
            spent[place].append(_timed(call))
            if number >= _WARM:
                tiers[place].append(trace.tiers)
    for name, (few, many) in (
        ("candidates of both kinds", searches),
        ("recall, nothing cached", spent),
    ):
        few, many = few[_WARM:], many[_WARM:]
        report(f"{name}, {small:,}", _middle(few))
        ratio = np.median(many) / np.median(few)
        report(f"{name}, {size:,}", f"{_middle(many)} = {ratio:.2f} x")
    over = np.median(spent[0][_WARM:]) - 1.5 * np.median(embedding[_WARM:])
    report(
        f"recall at {small:,} over its embedding", f"1.5 x {np.median(embedding):.1f} {over:+.1f}"
    )
    for count, traces in zip((small, size), tiers, strict=True):
        parts = {name: np.median([each.get(name, 0) for each in traces]) for name in traces[0]}
        report(f"of it, {count:,}", ", ".join(f"{name} {part:.2f}" for name, part in parts.items()))


def ingest(service: MemoryService, size: int) -> None:
    """Storing against embedding the same texts, batch by batch in turns."""
    embedding, storing = [], []
    for batch in itertools.islice(_batches(_more(size, 0)), 6):
        texts = [embedded_text(draft) for draft in batch]
        embedding.append(_timed(lambda texts=texts: service.embedder.embed(texts)))
        storing.append(
            _timed(lambda batch=batch: service.remember(batch, datetime.now(UTC), Trace()))
        )
    report(f"ingest at {size:,} against embedding alone", f"{sum(embedding) / sum(storing):.2f}")


def while_written(service: MemoryService, size: int) -> None:
    """Recalls while another thread ingests, and without it."""
    idle = [_timed(lambda text=text: _ask(service, text, Trace())) for text in questions(200, 21)]
    ended = threading.Event()

    def write() -> None:
        for batch in itertools.islice(_batches(_more(size, 1)), _WRITTEN):
            service.remember(batch, datetime.now(UTC), Trace())
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    busy = []
    for text in questions(100_000, 22):
        busy.append(_timed(lambda text=text: _ask(service, text, Trace())))
        if ended.is_set():
            break
    writer.join()
    ratio = np.percentile(busy, 99) / np.percentile(idle, 99)
    report(f"recall at {size:,}, idle", _middle(idle))
    report(f"recall at {size:,}, while turns are ingested", f"{_middle(busy)}, p99 {ratio:.1f} x")


def reopened(grown: assembly.OpenService, home: Home, size: int) -> None:
    """Closing; a resident process from its start to an answer, before and after it is killed.

    Raises:
        SystemExit: not every memory is there afterwards.
    """
    counts = grown.service.records.queries.counts(datetime.now(UTC))
    stored = sum(of_kind["live"] for of_kind in counts.values())
    report(f"closed, {size:,}", f"{_timed(grown.close):.0f} ms")
    environment = dict(os.environ, SOPHIA_HOME=str(home.root))
    sophia = str(Path(sys.executable).with_name("sophia"))

    def run(*words: str) -> str:
        ended = subprocess.run(
            [sophia, *words], env=environment, check=True, capture_output=True, text=True
        )
        return ended.stdout

    for state in ("started", "killed and started"):
        spent = _timed(lambda: run("recall", "what was decided?"))
        second = _timed(lambda state=state: run("recall", f"what was decided once {state}?"))
        report(f"{state}, first recall, second", f"{spent:.0f}, {second:.0f} ms")
        resident = running(home)
        assert resident is not None
        if state == "started":
            run("remember", "Written just before the end.")
            os.kill(resident.pid, signal.SIGKILL)
        else:
            time.sleep(15)
            report("memory of the resident process", _resident(resident.pid))
    last = run("recall", "Written just before the end", "-n", "1")
    [stats] = json.loads(run("stats", "--json"))["data"]
    run("down")
    for name, there, wanted in (
        ("the last memory", last.count("Written just before the end."), 1),
        ("live memories", sum(each["live"] for each in stats["memories"].values()), stored + 1),
        ("points", stats["vectors"]["entries"], stored + 1),
    ):
        report(f"after the kill, {name}", f"{there:,} of {wanted:,}")
        if there != wanted:
            raise SystemExit(f"{name}: {there:,} of {wanted:,} are there")
    disk = sum(path.stat().st_blocks * 512 for path in Path(home.vectors).rglob("*"))
    report("vectors on disk", f"{disk >> 20} MB")


def report(name: str, figure: str) -> None:
    print(f"{name:52} {figure}", flush=True)


def _search(service: MemoryService, text: str, vector: NDArray[np.float32]) -> None:
    for kind in KINDS:
        service.vectors.candidates(kind, vector, text, Where(), _LIMIT)


def _ask(service: MemoryService, text: str, trace: Trace) -> None:
    service.recall(Question(text), _LIMIT, datetime.now(UTC), trace)


def _more(size: int, which: int) -> Iterator[Draft]:
    """Turns that no store has yet, in sessions that it has: turns around them are written anew."""
    return turns(100_000, seed=size + 1 + which)


def _batches(drafts: Iterator[Draft]) -> Iterator[list[Draft]]:
    while batch := list(itertools.islice(drafts, _BATCH)):
        yield batch


def _timed(call: Callable[[], Any]) -> float:
    """Milliseconds that a call takes."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def _middle(milliseconds: Sequence[float]) -> str:
    low, high = np.percentile(milliseconds, [50, 99])
    return f"{low:.1f} ms (p99 {high:.1f})"


def _resident(pid: int | str = "self") -> str:
    """Resident memory of a process: its own, mapped files, and the peak; MB."""
    status: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        with contextlib.suppress(ValueError, IndexError):
            status[name] = int(value.split()[0]) >> 10
    return f"{status['RssAnon']} MB + {status['RssFile']} MB mapped, peak {status['VmHWM']} MB"


if __name__ == "__main__":
    main()
