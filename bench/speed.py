"""Every speed and memory figure of the README in one run: python bench/speed.py [--memories N].

These machines are noisy: times are medians, and what counts are the ratios between two things
measured in turns within this run.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from stores import fresh_home, fresh_service
from texts import questions, turns

from sophia_cli import wire
from sophia_cli.config.model import Config
from sophia_cli.daemon.presence import running
from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.valkey import Valkey
from sophia_cli.home import Home
from sophia_cli.locations import resident_socket
from sophia_cli.memory.model import Draft
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.words import embedded_text

SOPHIA = str(Path(sys.executable).with_name("sophia"))
_INGEST = 5_000
_BATCH = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--only", choices=("service", "process"))
    parser.add_argument("--ingest", type=int, default=_INGEST)
    arguments = parser.parse_args()
    if arguments.only != "process":
        with fresh_service() as service:
            ingest(service, arguments.ingest, arguments.memories)
            in_process(service, arguments.memories)
    if arguments.only != "service":
        from_nothing()
        whole_process(arguments.memories)


def report(name: str, figure: str, bound: str) -> None:
    print(f"{name:58} {figure:>34}   bound: {bound}", flush=True)


def median(milliseconds: Sequence[float]) -> float:
    return float(np.median(milliseconds))


def timed(call: Callable[[], object]) -> float:
    """Milliseconds that a call takes."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def from_nothing() -> None:
    """An empty home: engines initialised, model loaded, one memory stored and recalled."""
    with fresh_home() as home:
        environment = environment_of(home)
        started = time.perf_counter()
        for words in (["remember", "We chose Qdrant."], ["recall", "what did we choose?"]):
            subprocess.run([SOPHIA, *words], env=environment, check=True, capture_output=True)
        spent = time.perf_counter() - started
        subprocess.run([SOPHIA, "down"], env=environment, check=True, capture_output=True)
    report("from nothing to the first recall", f"{spent:.2f} s", "6 s")


def ingest(service: MemoryService, count: int, total: int) -> None:
    """Storing against embedding the same texts in the same batches, batch by batch in turns."""
    drafts = list(turns(total))
    embedding, storing = [], []
    now = datetime.now(UTC)
    for start in range(0, count, _BATCH):
        batch = drafts[start : start + _BATCH]
        texts = [embedded_text(draft) for draft in batch]
        embedding.append(timed(lambda texts=texts: service.embedder.embed(texts)))
        storing.append(timed(lambda batch=batch: service.remember(batch, now, Trace())))
    ratio = sum(embedding) / sum(storing)
    report(
        f"ingest of {count:,} turns against embedding alone",
        f"{ratio:.2f} ({count / sum(storing) * 1000:.0f}/s)",
        ">= 0.85",
    )
    for start in range(count, total, _BATCH):
        service.remember(drafts[start : start + _BATCH], now, Trace())


def in_process(service: MemoryService, memories: int) -> None:
    """Recalls, uncached and repeated, and remembers, each next to its own embedding."""
    now = datetime.now(UTC)
    candidates = Config().recall.candidates
    asked = questions(400)
    for text in questions(20, seed=1):
        service.recall(Question(text), candidates, now, Trace())
    recalls, embeddings = [], []
    for text in asked:
        embeddings.append(timed(lambda text=text: service.embedder.embed([text + " "])))
        recalls.append(
            timed(lambda text=text: service.recall(Question(text), candidates, now, Trace()))
        )
    repeated = [
        timed(lambda text=text: service.recall(Question(text), candidates, now, Trace()))
        for text in asked * 3
    ]
    over = median(recalls) - 1.5 * median(embeddings)
    report(
        f"recall, nothing cached, {memories:,} memories",
        f"{median(recalls):.1f} ms = 1.5 x {median(embeddings):.1f} {over:+.1f}",
        "1.5 x embedding + 4 ms",
    )
    p99 = float(np.percentile(repeated, 99))
    report("the same recall repeated, p50 and p99", f"{median(repeated):.2f}, {p99:.2f} ms", "1 ms")
    stored, embedded = [], []
    for number, draft in enumerate(turns(200, seed=99)):
        text = f"{draft.content} Note {number}."
        embedded.append(timed(lambda text=text: service.embedder.embed([f"{text} "])))
        stored.append(timed(lambda text=text: service.remember([Draft(text)], now, Trace())))
    report(
        "remember over its embedding",
        f"{median(stored) - median(embedded):+.1f} ms ({median(stored):.1f} in all)",
        "+5 ms",
    )


def whole_process(memories: int) -> None:
    """`sophia recall` as a whole process against `python -c pass`, and the client alone."""
    with fresh_home() as home:
        environment = environment_of(home)
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            for draft in turns(memories):
                file.write(_line(draft))
            file.flush()
            subprocess.run(
                [SOPHIA, "ingest", file.name], env=environment, check=True, capture_output=True
            )
        bare, new, repeated, client = [], [], [], []
        asked = questions(60, seed=5)
        with _Echo() as echo:
            for text in asked:
                bare.append(_process([sys.executable, "-c", "pass"], environment))
                client.append(_process([SOPHIA, "recall", text], echo.environment))
                new.append(_process([SOPHIA, "recall", text], environment))
                repeated.append(_process([SOPHIA, "recall", text], environment))
        base = median(bare)
        report("python -c pass", f"{base:.1f} ms", "1")
        for name, spent, bound in (
            ("the thin client alone", client, 3),
            (f"sophia recall, warm, {memories:,} memories, new question", new, 4),
            ("sophia recall, warm, asked before", repeated, 4),
        ):
            report(name, f"{median(spent) / base:.2f} x ({median(spent):.1f} ms)", f"{bound} x")
        resident = running(home)
        pids = [resident.pid if resident else None, Postgres(home).pid(), Valkey(home).pid()]
        megabytes = sum(_memory(pid) for pid in pids if pid)
        report(f"memory of all processes, {memories:,} memories", f"{megabytes:.0f} MB", "400 MB")
        subprocess.run([SOPHIA, "down"], env=environment, check=True, capture_output=True)


class _Echo:
    """A resident process that answers every command at once with success."""

    def __enter__(self) -> _Echo:
        self._directory = tempfile.TemporaryDirectory(prefix="sophia-echo-", dir="/tmp")
        home = Path(self._directory.name)
        path = Path(resident_socket(str(home)))
        path.parent.mkdir(exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self.environment = dict(os.environ, SOPHIA_HOME=str(home))
        threading.Thread(target=self._answer, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._directory.cleanup()

    def _answer(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.recv(1 << 20)
            connection.sendall(wire.ACCEPTED)
            _, streams, _, _ = socket.recv_fds(connection, 1, 3)
            for each in streams:
                os.close(each)
            connection.sendall(wire.DONE + b"\0")
            connection.close()


def _process(command: list[str], environment: dict[str, str]) -> float:
    return timed(
        lambda: subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    )


def environment_of(home: Home) -> dict[str, str]:
    return dict(os.environ, SOPHIA_HOME=str(home.root))


def _line(draft: Draft) -> str:
    import json

    record = {
        "content": draft.content,
        "kind": draft.kind,
        "session": draft.session,
        "turn": draft.turn,
        "speaker": draft.speaker,
        "at": draft.said_at.isoformat() if draft.said_at else None,
    }
    return json.dumps(record) + "\n"


def _memory(pid: int) -> float:
    """Proportional memory of a process and its children, MB."""
    total = 0.0
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    for each in [pid, *map(int, children)]:
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if "Pss:" in line)
    return total / 1024


if __name__ == "__main__":
    main()
