"""One model a store: another one is refused, and the way out moves the store to it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import numpy as np
import pytest

from sophia_cli.assembly import OpenService, open_service
from sophia_cli.config.loading import load
from sophia_cli.errors import TierDown
from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home
from tests.commands.console import Console

DIMENSION = 24
UNWANTED = "too long for this model"


class _Endpoint(BaseHTTPRequestHandler):
    """An OpenAI-compatible endpoint whose vectors come from the words of the text."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        if any(UNWANTED in text for text in texts):
            self.send_error(400)
            return
        data = [{"index": place, "embedding": _vector(text)} for place, text in enumerate(texts)]
        answer = json.dumps({"data": data, "model": body["model"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def _vector(text: str) -> list[float]:
    vector = np.full(DIMENSION, 0.01)
    for word in text.lower().split():
        digest = hashlib.sha256(word.strip("?.,:").encode()).digest()
        vector += np.random.default_rng(int.from_bytes(digest[:4])).standard_normal(DIMENSION)
    return [float(value) for value in vector]


@pytest.fixture
def endpoint() -> Iterator[dict[str, str]]:
    """The environment of a configuration that names the endpoint."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        "SOPHIA_EMBEDDING__PROVIDER": "openai",
        "SOPHIA_EMBEDDING__URL": f"http://127.0.0.1:{server.server_port}/v1",
        "SOPHIA_EMBEDDING__MODEL": "word-hash",
    }
    server.shutdown()
    server.server_close()


def _open(home: Home, variables: dict[str, str]) -> OpenService:
    return open_service(load(variables, {}).config, home)


def test_another_model_is_refused_until_the_store_is_moved(
    console: Console, endpoint: dict[str, str]
) -> None:
    opened: list[OpenService] = []

    def user(variables: dict[str, str]) -> Console:
        """A user whose configuration is this one; the store is closed in between."""
        while opened:
            opened.pop().close()
        opened.append(_open(home, variables))
        return Console(opened[0].service, home, console.cwd, variables=variables)

    home = Home(console.home.root.parent / "moved")
    try:
        first = user({})
        first.remember("the gateway runs on Debian")
        kept = first.remember("Dana likes green tea")

        other = user(endpoint)
        for command in (["remember", "something new"], ["recall", "tea"], ["similar", "tea"]):
            ended = other(*command)
            assert ended.status is ExitStatus.REFUSED
            assert "all-MiniLM-L6-v2-int8 (384" in ended.err and "--re-embed" in ended.err
        assert len(other.data("list")) == 2

        moved = other.data("reindex", "--re-embed")[0]
        assert moved["embedded"] == 2
        found = other.data("recall", "green tea", "-n", "1")[0]
        assert (found["id"], found["model"]) == (kept, "word-hash")
        fresh = other.remember("the printer is out of paper")
        assert other.data("similar", "printer paper", "-n", "1")[0]["id"] == fresh

        back = user({})
        assert back("recall", "tea").status is ExitStatus.REFUSED
        assert back.data("reindex", "--re-embed")[0]["embedded"] == 3
        assert back.data("recall", "what does Dana drink?", "-n", "1")[0]["id"] == kept
    finally:
        while opened:
            opened.pop().close()


def test_what_another_model_would_have_to_embed_stays_owed(
    console: Console, endpoint: dict[str, str]
) -> None:
    home = Home(console.home.root.parent / "owed")
    opened = _open(home, {})
    id_ = UUID(Console(opened.service, home, console.cwd).remember("known to the first model"))
    opened.service.records.database.ask(
        lambda connection: connection.execute("DELETE FROM memory_vector")
    )
    opened.close()
    opened = _open(home, endpoint)
    try:
        opened.service.records.outbox.owe([id_])
        with pytest.raises(TierDown, match="wait for their vectors"):
            opened.service.indexer.drain(everything=True)
        owed = opened.service.records.outbox.owed(10)
        assert [entry.memory_id for entry in owed] == [id_]
    finally:
        opened.close()


def test_a_text_that_the_embedder_refuses_holds_up_no_other(
    console: Console, endpoint: dict[str, str]
) -> None:
    home = Home(console.home.root.parent / "refused-text")
    opened = _open(home, endpoint)
    try:
        user = Console(opened.service, home, console.cwd, variables=endpoint)
        lines = [f"note {number} about the ferry" for number in range(20)]
        (console.cwd / "notes.jsonl").write_text(
            "".join(json.dumps({"content": each}) + "\n" for each in [UNWANTED, *lines])
        )
        ended = user("ingest", "notes.jsonl")
        assert ended.status is ExitStatus.OK
        assert "1 memories wait for their vectors" in ended.err
        assert len(user.data("similar", "note 7 about the ferry", "-n", "100")) == len(lines)
        [left] = opened.service.records.outbox.owed(100)
        memory = opened.service.get(left.memory_id)
        assert memory.content == UNWANTED
        assert user.remember("what comes later is indexed all the same")
        assert len(user.data("similar", "what comes later", "-n", "100")) == len(lines) + 1
    finally:
        opened.close()
