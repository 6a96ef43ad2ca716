"""Against a real HTTP server on loopback that answers what a test tells it to."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from sophia_cli.embedding.openai import OpenAIEmbedder
from sophia_cli.errors import ConfigurationError, Refused, TierDown

KEY = "sk-never-shown-4711"
TEXT = "a memory that no error quotes"


@dataclass
class Answer:
    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Endpoint:
    """A server: `script` turns the request's body and its number, from 0, into an answer."""

    url: str
    script: Callable[[dict[str, Any], int], Answer]
    requests: list[tuple[str, dict[str, str], dict[str, Any]]]


def vector(text: str) -> list[float]:
    """Three numbers that tell texts apart."""
    return [float(len(text)), 1.0, float(sum(map(ord, text)) % 97)]


def vectors(body: dict[str, Any], number: int) -> Answer:
    items = [{"index": i, "embedding": vector(text)} for i, text in enumerate(body["input"])]
    return Answer({"data": items})


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                number = len(endpoint.requests)
                endpoint.requests.append((self.path, dict(self.headers), body))
            answer = endpoint.script(body, number)
            data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body)
            raw = data if isinstance(data, bytes) else data.encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(raw)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *arguments: object) -> None:
            pass

    lock = threading.Lock()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}/v1", vectors, [])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield endpoint
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_embedder(endpoint: Endpoint) -> Iterator[Callable[..., OpenAIEmbedder]]:
    opened: list[OpenAIEmbedder] = []

    def one(**settings: Any) -> OpenAIEmbedder:
        settings = {"api_key": KEY, "timeout": 5.0, **settings}
        opened.append(OpenAIEmbedder(endpoint.url, "some-model", **settings))
        return opened[-1]

    yield one
    for embedder in opened:
        embedder.close()


Opening = Callable[..., OpenAIEmbedder]


def failure(embedder: OpenAIEmbedder) -> TierDown:
    """The error of one call, checked to give nothing away."""
    with pytest.raises(TierDown) as down:
        embedder.embed([TEXT])
    shown = f"{down.value} {down.value.hint}"
    assert down.value.tier == "embedding"
    assert "127.0.0.1" in shown
    assert KEY not in shown and TEXT not in shown
    return down.value


def test_texts_are_embedded_in_batches_and_in_order(
    endpoint: Endpoint, open_embedder: Opening
) -> None:
    texts = ["x" * length for length in range(1, 8)]
    found = open_embedder(batch_size=3).embed(texts)
    expected = np.array([vector(text) for text in texts], dtype=np.float32)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert found.dtype == np.float32
    assert np.allclose(found, expected, atol=1e-6)
    assert [len(body["input"]) for _, _, body in endpoint.requests] == [3, 3, 1]
    path, headers, body = endpoint.requests[0]
    assert (path, headers["Authorization"]) == ("/v1/embeddings", f"Bearer {KEY}")
    assert (body["model"], body["encoding_format"]) == ("some-model", "float")


def test_an_answer_out_of_order_is_put_in_order(endpoint: Endpoint, open_embedder: Opening) -> None:
    def reversed_vectors(body: dict[str, Any], number: int) -> Answer:
        return Answer({"data": vectors(body, number).body["data"][::-1]})

    plain = open_embedder().embed(["a", "bb", "ccc"])
    endpoint.script = reversed_vectors
    assert np.array_equal(open_embedder().embed(["a", "bb", "ccc"]), plain)


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/", "/v1/embeddings"])
def test_a_base_address_and_the_endpoint_itself_mean_the_same(
    endpoint: Endpoint, base: str
) -> None:
    OpenAIEmbedder(endpoint.url.removesuffix("/v1") + base, "m").embed(["a"])
    assert endpoint.requests[0][0] == "/v1/embeddings"


def test_the_dimension_is_learned_from_the_model(open_embedder: Opening) -> None:
    embedder = open_embedder()
    assert embedder.dimension == 3
    assert embedder.embed([]).shape == (0, 3)


def test_a_given_dimension_needs_no_request(endpoint: Endpoint, open_embedder: Opening) -> None:
    assert open_embedder(dimension=3).embed([]).shape == (0, 3)
    assert endpoint.requests == []


def test_another_dimension_than_given_is_refused_naming_both(open_embedder: Opening) -> None:
    with pytest.raises(Refused, match=r"vectors of 3 numbers, 384 are expected"):
        open_embedder(dimension=384).embed(["a"])


def test_vectors_of_another_length_than_before_are_not_believed(
    endpoint: Endpoint, open_embedder: Opening
) -> None:
    embedder = open_embedder()
    embedder.embed(["a"])
    endpoint.script = lambda body, number: Answer({"data": [{"index": 0, "embedding": [1, 0]}]})
    assert "vectors of 2 numbers, 3 are expected" in str(failure(embedder))
    endpoint.script = vectors
    assert embedder.embed(["a"]).shape == (1, 3)


def test_a_length_that_the_store_does_not_know_is_not_learnt(
    endpoint: Endpoint, open_embedder: Opening
) -> None:
    endpoint.script = lambda body, number: Answer({"data": [{"index": 0, "embedding": [1, 0]}]})
    embedder = open_embedder(stored=lambda: 3)
    with pytest.raises(Refused, match=r"vectors of 2 numbers, 3 are expected"):
        embedder.embed(["a"])
    endpoint.script = vectors
    assert embedder.embed(["a"]).shape == (1, 3)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_failure_is_tried_again(
    endpoint: Endpoint, open_embedder: Opening, status: int
) -> None:
    endpoint.script = lambda body, number: (
        Answer("busy", status) if number < 2 else vectors(body, number)
    )
    assert open_embedder().embed(["a"]).shape == (1, 3)
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_refusal_is_not_tried_again(
    endpoint: Endpoint, open_embedder: Opening, status: int
) -> None:
    endpoint.script = lambda body, number: Answer(f"no: {KEY} {body['input']}", status)
    down = failure(open_embedder())
    assert f"answered {status}" in str(down)
    assert down.hint
    assert len(endpoint.requests) == 1


def test_retry_after_is_honoured(endpoint: Endpoint, open_embedder: Opening) -> None:
    endpoint.script = lambda body, number: (
        Answer("busy", 429, {"Retry-After": "1"}) if number == 0 else vectors(body, number)
    )
    start = time.monotonic()
    open_embedder().embed(["a"])
    assert time.monotonic() - start >= 1.0


def test_a_retry_after_beyond_the_time_out_is_not_waited_for(
    endpoint: Endpoint, open_embedder: Opening
) -> None:
    endpoint.script = lambda body, number: Answer("busy", 429, {"Retry-After": "3600"})
    assert "answered 429" in str(failure(open_embedder(timeout=60.0)))
    assert len(endpoint.requests) == 1


def test_retries_end_with_the_time_out(endpoint: Endpoint, open_embedder: Opening) -> None:
    endpoint.script = lambda body, number: Answer("broken", 500)
    assert "answered 500" in str(failure(open_embedder(timeout=1.0)))
    assert len(endpoint.requests) > 1


def hangs(endpoint: Endpoint) -> threading.Event:
    """Has it answer nothing until the event is set."""
    release = threading.Event()

    def hang(body: dict[str, Any], number: int) -> Answer:
        release.wait(30)
        return vectors(body, number)

    endpoint.script = hang
    return release


def test_a_server_that_never_answers_is_down_after_the_time_out(
    endpoint: Endpoint, open_embedder: Opening
) -> None:
    release = hangs(endpoint)
    down = failure(open_embedder(timeout=0.3))
    release.set()
    assert "no answer within 0.3 s" in str(down)


def test_a_server_that_drips_its_answer_is_down_after_the_time_out() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not ended.wait(0.05):
                try:
                    peer.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    embedder = OpenAIEmbedder(f"http://127.0.0.1:{listener.getsockname()[1]}", "m", timeout=0.5)
    try:
        assert "no complete answer within 0.5 s" in str(failure(embedder))
    finally:
        ended.set()
        thread.join()
        listener.close()


def test_a_refused_connection_is_a_tier_that_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    embedder = OpenAIEmbedder(f"http://127.0.0.1:{port}", "m", api_key=KEY, timeout=0.5)
    assert "refused" in str(failure(embedder))


def test_nobody_waits_long_for_a_refused_connection(open_embedder: Opening) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    embedder = OpenAIEmbedder(f"http://127.0.0.1:{port}", "m", api_key=KEY, timeout=60)
    began = time.monotonic()
    assert "refused" in str(failure(embedder))
    assert time.monotonic() - began < 5


def test_after_a_time_out_calls_fail_at_once_until_a_look_finds_it_back(
    endpoint: Endpoint, open_embedder: Opening
) -> None:
    release = hangs(endpoint)
    embedder = open_embedder(timeout=0.3)
    failure(embedder)
    asked = len(endpoint.requests)
    for _ in range(5):
        assert "no answer within 0.3 s" in str(failure(embedder))
    assert len(endpoint.requests) == asked
    time.sleep(1.1)
    failure(embedder)
    assert endpoint.requests[-1][2]["input"] == ["?"], "a look asks for little"
    release.set()
    endpoint.script = vectors
    time.sleep(1.1)
    assert embedder.embed([TEXT]).shape == (1, 3)


def test_a_lost_connection_is_tried_again(endpoint: Endpoint, open_embedder: Opening) -> None:
    """The answer promises more than it holds, and the server hangs up."""
    endpoint.script = lambda body, number: (
        Answer("{", 200, {"Content-Length": "10", "Connection": "close"})
        if number == 0
        else vectors(body, number)
    )
    assert open_embedder().embed(["a"]).shape == (1, 3)
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"<html>", "not JSON"),
        (b"\xff", "not JSON"),
        ([], "no embeddings"),
        ({"error": TEXT}, "no embeddings"),
        ({"data": None}, "no embeddings"),
        ({"data": [{"index": 0}]}, "no embeddings"),
        ({"data": [{"index": 0, "embedding": "AACAPw=="}]}, "no embeddings"),
        ({"data": [{"index": 0, "embedding": []}]}, "no embeddings"),
        ({"data": [{"index": 0, "embedding": [[1, 2]]}]}, "no embeddings"),
        ({"data": [{"index": 0, "embedding": [1, None]}]}, "not finite"),
        ({"data": [{"index": 0, "embedding": [0, 0, 0]}]}, "zero or not finite"),
        (b'{"data": [{"index": 0, "embedding": [NaN, 1]}]}', "not finite"),
        (b'{"data": [{"index": 0, "embedding": [1e300, 1]}]}', "not finite"),
        ({"data": []}, "0 vectors for 1 texts"),
        ({"data": [{"index": 1, "embedding": [1, 2]}]}, "1 vectors for 1 texts"),
        ({"data": [{"index": 0, "embedding": [1, 2]}] * 2}, "2 vectors for 1 texts"),
    ],
)
def test_an_answer_that_holds_no_embedding_is_not_believed(
    endpoint: Endpoint, open_embedder: Opening, body: object, cause: str
) -> None:
    endpoint.script = lambda _, number: Answer(body)
    assert cause in str(failure(open_embedder()))


def test_redirects_are_not_followed(endpoint: Endpoint, open_embedder: Opening) -> None:
    endpoint.script = lambda body, number: Answer("", 307, {"Location": endpoint.url + "/other"})
    assert "redirects are not followed" in str(failure(open_embedder()))
    assert len(endpoint.requests) == 1


def test_proxies_from_the_environment_are_not_used(
    open_embedder: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert open_embedder().embed(["a"]).shape == (1, 3)


@pytest.mark.parametrize(
    "url",
    ["", "example.com/v1", "ftp://example.com", "http://", "http://host:port", "http://a:b@host"],
)
def test_an_address_that_cannot_be_used_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"embedding\.url"):
        OpenAIEmbedder(url, "m")


@pytest.mark.parametrize("key", ["", f"{KEY}\n", f"{KEY} {KEY}\n", f"ключ{KEY}"])
def test_a_key_that_no_header_carries_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        OpenAIEmbedder("http://127.0.0.1", "m", api_key=key)
    assert KEY not in f"{wrong.value} {wrong.value.hint}"


def test_a_closed_embedder_is_a_tier_that_is_down(open_embedder: Opening) -> None:
    embedder = open_embedder()
    embedder.embed(["a"])
    embedder.close()
    assert "closed" in str(failure(embedder))
