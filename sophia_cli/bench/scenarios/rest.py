"""`rest`: a question asked before over HTTP, beside the service's own time for it.

The server runs in this process, its client too: what they cost each other is part of the figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import latency, overhead
from sophia_cli.bench.load import LoadMeasurement
from sophia_cli.bench.measure import Measurement
from sophia_cli.bench.results import Limit
from sophia_cli.bench.texts import questions
from sophia_cli.daemon.rest.backend import Backend
from sophia_cli.daemon.rest.serving import serve
from sophia_cli.daemon.rest.settings import Settings
from sophia_cli.daemon.rest.state import State
from sophia_cli.daemon.rest.thread import listen_at
from sophia_cli.locations import rest_socket
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.trace import Trace

_KEYS = 100
_NAME = "a question asked before, over HTTP"
_HEAD = (
    "POST /v1/recall HTTP/1.1\r\nhost: sophia\r\ncontent-type: application/json\r\n"
    "content-length: {}\r\n\r\n"
)


def run(context: Context) -> Iterator[Measurement | LoadMeasurement]:
    """The service alone and over HTTP in turns; then several clients."""
    asked, candidates = questions(_KEYS, seed=3), context.config.recall.candidates
    path = context.until_the_end(_served(context))
    requests = [_request(question) for question in asked]
    local = threading.local()

    def over_http(number: int) -> None:
        if not hasattr(local, "client"):
            local.client = context.until_the_end(closing(_Client(path)))
        local.client.ask(requests[number % _KEYS])

    def alone(number: int) -> None:
        question = Question(asked[number % _KEYS], limit=context.config.recall.limit)
        context.service.recall(question, candidates, datetime.now(UTC), Trace())

    def ask_all() -> None:
        for number in range(_KEYS):
            over_http(number)

    yield Measurement(
        alone,
        over_http,
        before=ask_all,
        figures=lambda service, http, pace: [
            latency(_NAME, http, pace, target=Limit(200, "p95")),
            overhead("HTTP over the service's own time", http, service, pace, bound=Limit(3)),
        ],
    )
    yield LoadMeasurement(_NAME, over_http, before=ask_all)


class _Client:
    """A connection that is kept, and as little else as can be."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._answers = self._socket.makefile("rb")

    def ask(self, request: bytes) -> None:
        """Sends a request and reads its answer.

        Raises:
            RuntimeError: it is an error.
        """
        self._socket.sendall(request)
        status, length = self._answers.readline(), 0
        while (line := self._answers.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self._answers.read(length)
        if b" 200 " not in status:
            raise RuntimeError(status.decode())

    def close(self) -> None:
        """Ends the connection."""
        self._answers.close()
        self._socket.close()


def _request(question: str) -> bytes:
    body = json.dumps({"query": question}).encode()
    return _HEAD.format(len(body)).encode() + body


@contextlib.contextmanager
def _served(context: Context) -> Iterator[str]:
    """REST over the service of the run, in a thread as in the resident process."""
    path = rest_socket(str(context.home.root))
    backend = Backend(
        Settings(lambda: context.config), lambda _: contextlib.nullcontext(context.service)
    )
    loop, stopped = asyncio.new_event_loop(), asyncio.Event()

    def run_loop() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve(backend, listen_at(path), State(), stopped, patience=1))

    thread = threading.Thread(target=run_loop, name="rest", daemon=True)
    thread.start()
    try:
        _wait_for(path)
        yield path
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()


def _wait_for(path: str) -> None:
    """Until somebody listens there: connections are refused before."""
    for _ in range(1000):
        with contextlib.suppress(OSError), closing(_Client(path)):
            return
        time.sleep(0.01)
    raise TimeoutError(path)
