"""A peer is asked by its own host, over real sockets, and silence says why."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sophia_cli.ops.inventory.model import Inventory
from sophia_cli.ops.qdrant.asks import Answer, Peer, Silence, peers_of
from sophia_cli.ops.qdrant.over_http import HttpAsks, site_asks
from tests.ops.qdrant.loopback import Loopbacks
from tests.ops.qdrant.recorded import FIXTURES as ALL
from tests.ops.qdrant.recorded import recording
from tests.ops.qdrant.site import KEYS, inventory, site

FIXTURES = ALL / "auth"


class Server:
    """Answers one path as recorded, another never, and notes what it was asked."""

    def __init__(self) -> None:
        self.headers: list[str | None] = []
        self.bodies: list[bytes] = []
        self.released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self) -> None:
                server.headers.append(self.headers.get("api-key"))
                server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                if self.path == "/never":
                    server.released.wait(30)
                    self.close_connection = True
                    return
                recorded = {
                    "/cluster": recording("healthy-cluster-from-1").answer,
                    "/readyz": recording("healthy-readyz").answer,
                    "/points": recording("timed-out-create").answer,
                }[self.path]
                text = recorded.body
                data = text.encode() if isinstance(text, str) else json.dumps(text).encode()
                self.send_response(recorded.status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = respond  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def asks() -> Iterator[HttpAsks]:
    with site_asks(site(inventory(), Loopbacks())) as asking:
        yield asking


def _peer(url: str) -> Peer:
    return Peer("node1", url, "http://127.0.0.1:6335")


def test_an_answer_is_the_peers_own_and_the_key_goes_along(server: Server, asks: HttpAsks) -> None:
    answer = asks.ask(_peer(server.url), "GET", "/cluster")

    assert answer == recording("healthy-cluster-from-1").answer
    assert server.headers == [KEYS["qdrant-api-key"]]


def test_a_text_is_an_answer_too(server: Server, asks: HttpAsks) -> None:
    assert asks.ask(_peer(server.url), "GET", "/readyz") == Answer(200, "all shards are ready")


def test_an_order_carries_its_body_and_an_error_its_words(server: Server, asks: HttpAsks) -> None:
    answer = asks.ask(_peer(server.url), "PUT", "/points", {"points": [1]})

    assert isinstance(answer, Answer)
    assert json.loads(server.bodies[0]) == {"points": [1]}
    assert answer.error == (
        "HTTP 500: Service internal error: Waiting for consensus operation commit failed. Timeout "
        "set at: 3 seconds"
    )


def test_a_peer_that_never_answers_is_silent_and_may_have_done_it(
    server: Server, asks: HttpAsks
) -> None:
    said = asks.ask(_peer(server.url), "PUT", "/never", {}, timeout=0.2)

    assert said == Silence("no answer within 0.2 s", nobody=False)


def test_where_nobody_listens_nothing_was_done(server: Server, asks: HttpAsks) -> None:
    gone = server.url
    server.stop()

    said = asks.ask(_peer(gone), "PUT", "/points", {})

    assert isinstance(said, Silence)
    assert said.nobody
    assert "nobody listens" in said.reason


def test_a_host_that_is_not_reached_is_asked_anew_the_next_time(server: Server) -> None:
    connections = Loopbacks()
    connections.gone.add("node1")
    with site_asks(site(inventory(), connections)) as asks:
        assert asks.ask(_peer(server.url), "GET", "/cluster") == Silence(
            "node1: not reached by SSH"
        )

        connections.gone.clear()

        assert isinstance(asks.ask(_peer(server.url), "GET", "/cluster"), Answer)


def test_a_refusal_of_the_key_is_told_and_the_key_is_not() -> None:
    for name in ("none", "wrong"):
        kept = json.loads((FIXTURES / f"{name}-collections.json").read_text())["response"]
        answer = Answer(kept["status"], kept["body"])
        assert "401" in answer.error
        assert KEYS["qdrant-api-key"] not in answer.error


def test_the_peers_are_the_hosts_with_the_role_at_their_private_addresses() -> None:
    wanted = Inventory.model_validate(
        {
            "hosts": {
                "a": {"address": "192.0.2.1", "private_address": "192.0.2.11", "roles": ["qdrant"]},
                "b": {"address": "192.0.2.2", "roles": ["redis"]},
                "c": {"address": "2001:db8::1", "roles": ["sophia", "qdrant"]},
            },
            "services": {"qdrant": {"http_port": 7333, "p2p_port": 7335}},
        }
    )

    assert peers_of(wanted) == (
        Peer("a", "http://192.0.2.11:7333", "http://192.0.2.11:7335"),
        Peer("c", "http://[2001:db8::1]:7333", "http://[2001:db8::1]:7335"),
    )
