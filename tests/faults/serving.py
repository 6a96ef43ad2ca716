"""Servers in processes of their own: they can be frozen, killed, started again, and made to lie.

`python -m tests.faults.serving vectors PORT DIRECTORY` is the stand-in for Qdrant with its engine;
`... embedding PORT` speaks OpenAI's protocol. SIGUSR1 makes them lie, SIGUSR2 ends that.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4
from zlib import crc32

import numpy as np

MODEL = "word-hash"
DIMENSION = 256
_ROOT = Path(__file__).parents[2]


class Served:
    """One such process at a fixed port."""

    def __init__(self, kind: str, *arguments: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "tests.faults.serving", kind, str(self.port)]
        self._command += arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts it and waits until it takes connections."""
        self._process = subprocess.Popen(self._command, cwd=_ROOT)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "it did not start"
                assert time.monotonic() < deadline, "it did not start in time"
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """Ends it without warning, frozen or not."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


def main(kind: str, port: int, directory: str = "") -> None:
    """Serves until it is killed."""
    lies = _Lies()
    signal.signal(signal.SIGUSR1, lambda *_: lies.begin())
    signal.signal(signal.SIGUSR2, lambda *_: lies.end())
    if kind == "vectors":
        _serve_vectors(port, Path(directory), lies)
    else:
        _serve_embeddings(port, lies)
    while True:
        signal.pause()


class _Lies:
    def __init__(self) -> None:
        self.told = False

    def begin(self) -> None:
        self.told = True

    def end(self) -> None:
        self.told = False


def _serve_vectors(port: int, directory: Path, lies: _Lies) -> None:
    from tests.tiers.vectors.standin import Cluster, Peer

    directory.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(directory)
    cluster.load()
    peer = Peer(cluster, port=port)
    turn = itertools.cycle(_nonsense())
    peer.behave = lambda method, path: (200, next(turn)) if lies.told else None


def _nonsense() -> Iterator[Any]:
    """Answers with status 200 that no Qdrant gives, or none that holds these memories."""
    yield {"hello": "world"}
    yield {"result": 5, "status": "ok", "time": 0.0}
    yield b"<html><body>It works!</body></html>"
    stranger = {"id": str(uuid4()), "version": 0, "score": 0.9, "payload": {}}
    yield {"result": [{"points": [stranger]}] * 4, "status": "ok", "time": 0.0}
    yield {"result": [{"points": [stranger | {"id": 7}]}] * 4, "status": "ok", "time": 0.0}
    yield {"result": [{"points": [stranger | {"payload": {"turn": "x"}}]}] * 4, "status": "ok"}
    yield b'{"result": [{"points": [{"id": 1, "version": 0, "score": NaN}]}], "status": "ok"}'
    yield {"result": [], "status": "ok", "time": 0.0}
    yield b""


def _serve_embeddings(port: int, lies: _Lies) -> None:
    turn = itertools.cycle(range(5))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            rows = [_embedded(text) for text in body["input"]]
            if not lies.told:
                answer = _embeddings(rows)
            else:
                answer = [
                    b"<html><body>It works!</body></html>",
                    _embeddings([row[:-1] for row in rows]),
                    _embeddings([*rows, rows[0]]),
                    _embeddings([[float("nan"), *row[1:]] for row in rows]),
                    json.dumps({"data": None}).encode(),
                ][next(turn)]
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    import threading

    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()


def _embeddings(rows: list[list[float]]) -> bytes:
    items = [{"index": index, "embedding": row} for index, row in enumerate(rows)]
    return json.dumps({"data": items}).encode()


def _embedded(text: str) -> list[float]:
    """A vector that has something of every word."""
    vector = np.zeros(DIMENSION, np.float32)
    for word in text.lower().split():
        vector[crc32(word.strip(".,?!").encode()) % DIMENSION] += 1.0
    vector[0] += 0.01
    found: list[float] = vector.tolist()
    return found


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
