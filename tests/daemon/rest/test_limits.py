"""What a client may send: how much, how fast, how often; and what is no request at all."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.daemon.rest.served import Served, served

TIGHT = {
    "SOPHIA_REST__LARGEST_BODY": "10kb",
    "SOPHIA_REST__TIMEOUT": "1s",
    "SOPHIA_REST__RATE": "2",
    "SOPHIA_REST__BURST": "5",
}


@pytest.fixture(scope="module")
def tight() -> Iterator[Served]:
    """A home with narrow limits."""
    with served(TIGHT) as opened:
        yield opened


def answer_to(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """The status and the problem that come back; the connection is closed then."""
    heard = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, body = heard.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def head(token: str, path: str, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: sophia", f"Authorization: Bearer {token}", *more]
    return "\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode()


def test_a_body_that_is_too_large_is_not_read(tight: Served) -> None:
    with tight.owner() as client:
        body = json.dumps({"content": "x" * 20_000}).encode()
        for content in (body, iter([body[:9_000], body[9_000:]])):
            answer = client.post(
                "/v1/memories", content=content, headers={"content-type": "application/json"}
            )
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert client.get("/v1/memories").json()["data"] == []


def test_a_body_without_end_is_cut(tight: Served) -> None:
    with tight.connection() as connection:
        connection.sendall(head(tight.token(), "/v1/memories", "Transfer-Encoding: chunked"))
        sent = 0
        try:
            while sent < 100 << 20:
                connection.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
                sent += 0x1000
        except OSError:
            pass
        assert sent < 50 << 20


def test_a_body_that_does_not_come_is_not_waited_for(tight: Served) -> None:
    with tight.connection() as connection:
        connection.sendall(head(tight.token(), "/v1/recall", "Content-Length: 100") + b'{"que')
        status, said = answer_to(connection)
    assert (status, said["code"]) == (408, "timeout")


def test_a_head_that_does_not_come_is_not_waited_for(tight: Served) -> None:
    """And nobody has to show a token to find out."""
    with contextlib.ExitStack() as opened:
        silent = [opened.enter_context(tight.connection()) for _ in range(3)]
        for connection, start in zip(
            silent, (b"", b"GET /health/live HTTP/1.1\r\nHost: so", b"\r\n"), strict=True
        ):
            connection.sendall(start)
        assert [connection.recv(100) for connection in silent] == [b"", b"", b""]


def test_a_head_without_end_is_cut(tight: Served) -> None:
    with tight.connection() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nX-Long: ")
        try:
            for _ in range(1000):
                connection.sendall(b"x" * 1000)
            status, said = answer_to(connection)
            assert (status, said["code"]) == (431, "too_large")
        except OSError:
            pass  # reset before it was read


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_request_is_said_to_be_none(tight: Served, sent: bytes) -> None:
    with tight.connection() as connection:
        connection.sendall(sent)
        status, said = answer_to(connection)
    assert (status, said["code"]) == (400, "invalid_input")


def test_each_token_has_its_own_rate(tight: Served) -> None:
    with tight.bearer(tight.token()) as one, tight.bearer(tight.token()) as other:
        answers = [one.get("/health/live") for _ in range(30)]
        limited = [answer for answer in answers if answer.status_code == 429]
        assert len(limited) > 15
        assert {answer.json()["code"] for answer in limited} == {"rate_limited"}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in limited)
        assert other.get("/health/live").status_code == 200
    with tight.owner() as owner:
        assert {owner.get("/health/live").status_code for _ in range(30)} == {200}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "field required"),
        (b"{", "not JSON"),
        (b'{"query": "x"', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 5_000, "cannot be read"),
        (b'{"query": "x", "limit": ' + b"9" * 5_000 + b"}", "cannot be read"),
        (b'{"query": "x", "limit": NaN}', "limit: "),
        (b'{"query": "x", "limit": 1e400}', "limit: "),
        (b'"query"', "body: "),
        (b"null", "body: "),
        (b'{"query": "\\ud800"}', "query: "),
        (b'{"query": " \\u0000 "}', "the question is empty"),
        (b'{"query": "x", "quarry": "y"}', "quarry: "),
        (b'{"query": "x", "tags": {"": "y"}}', "not a tag"),
        (b'{"query": "x", "since": "swordfish"}', "since: "),
        (b'{"query": "x", "user": ""}', "the user is empty"),
    ],
)
def test_a_body_that_cannot_be_used(owner: httpx.Client, body: bytes, said: str) -> None:
    answer = owner.post("/v1/recall", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    "query", ["usr=ann", "limit=0", "limit=1001", "limit=x", "tag=x", "kind=poetry", "all=perhaps"]
)
def test_a_misspelt_parameter_is_refused_not_dropped(owner: httpx.Client, query: str) -> None:
    answer = owner.get(f"/v1/memories?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert query.partition("=")[0] in answer.json()["detail"]


def test_a_body_that_is_not_said_to_be_json_is_refused(owner: httpx.Client) -> None:
    answer = owner.post(
        "/v1/recall", content=b'{"query": "x"}', headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 422


def test_a_path_or_method_that_there_is_none_of(owner: httpx.Client) -> None:
    missing = owner.get("/v1/nowhere")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    other = owner.put("/v1/memories")
    assert (other.status_code, other.json()["code"]) == (405, "method_not_allowed")
    assert other.headers["allow"] == "GET, POST"
    assert owner.get("/v1/memories/").status_code == 404
