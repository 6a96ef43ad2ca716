"""`sophia health` with addresses: real servers that do their work, and some that do not."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from redis import Redis

from sophia_cli.exit_status import ExitStatus
from tests.checks.bent import Bent
from tests.checks.conftest import Store
from tests.commands.console import Console, Ended
from tests.conftest import wait_until
from tests.faults.frozen import frozen
from tests.faults.relay import NOISE
from tests.lab.standin.cluster import StandinCluster


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """An HTTP server; and the tokens that it was shown."""
    tokens: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(self.headers.get("authorization", ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/health", tokens
    finally:
        server.shutdown()
        server.server_close()


def says(ended: Ended) -> list[tuple[str, str]]:
    return [(row["verdict"], row["says"]) for row in ended.data]


@pytest.fixture
def console(store: Store) -> Console:
    return store.console


def test_an_endpoint(console: Console) -> None:
    for status, body, verdict in (
        (200, b"fine", "pass"),
        (204, b"", "pass"),
        (503, b'{"status": "ok"}', "fail"),
        (200, b'{"status": "failed"}', "fail"),
        (301, b"", "fail"),
    ):
        with answering(status, body) as (url, _):
            ended = console("--json", "health", "--endpoint", url)
            assert says(ended)[0][0] == verdict
            wanted = ExitStatus.OK if verdict == "pass" else ExitStatus.UNHEALTHY
            assert ended.status is wanted
    ended = console("--json", "health", "--endpoint", url)
    assert "refused" in says(ended)[0][1]


def test_a_token_is_shown_to_the_endpoint_alone(console: Console) -> None:
    token = console.cwd / "token"
    token.write_text("canary-token\n")
    token.chmod(0o600)
    with answering(200, b"") as (url, tokens), answering(500, b"") as (broken, _):
        ended = console(
            *("health", "-v", "--endpoint", url, "--endpoint", broken),
            *("--password-file", "endpoint=token"),
        )
    assert ended.status is ExitStatus.UNHEALTHY
    assert tokens == ["Bearer canary-token"]
    assert "canary" not in ended.out + ended.err


def test_a_redis(store: Store, console: Console) -> None:
    relay = Bent(str(store.valkey.socket))
    try:
        for host in (f"127.0.0.1:{relay.port}", f"redis://127.0.0.1:{relay.port}/0"):
            assert says(console("--json", "health", "--redis", host))[0][0] == "pass"
        with frozen(store.valkey.pid()):
            ended = console("--json", "health", "--redis", f"127.0.0.1:{relay.port}")
            assert ended.status is ExitStatus.UNHEALTHY
        relay.bend = lambda _: NOISE
        ended = console("--json", "health", "--redis", f"127.0.0.1:{relay.port}")
        assert ended.status is ExitStatus.UNHEALTHY
    finally:
        relay.close()


def test_a_redis_that_wants_a_password(store: Store, console: Console) -> None:
    relay = Bent(str(store.valkey.socket))
    where = f"127.0.0.1:{relay.port}"
    with Redis(unix_socket_path=store.valkey.address) as client:
        client.config_set("requirepass", "canary-password")
        try:
            assert says(console("--json", "health", "--redis", where)) == [
                ("fail", "Authentication required.")
            ]
            told = {"REDISCLI_AUTH": "canary-password"}
            ended = console("health", "-v", "--redis", where, variables=told)
            assert ended.status is ExitStatus.OK
            assert "canary" not in ended.out + ended.err
        finally:
            client.config_set("requirepass", "")
            relay.close()


def test_a_postgres(store: Store, console: Console) -> None:
    url = f"postgresql://sophia@/postgres?host={store.postgres.socket.parent}"
    assert console("health", "--postgres", url).status is ExitStatus.OK
    store.sql("ALTER DATABASE postgres SET default_transaction_read_only = on")
    try:
        ended = console("--json", "health", "--postgres", url)
        assert ended.status is ExitStatus.UNHEALTHY
    finally:
        store.sql(
            "SET default_transaction_read_only = off",
            "ALTER DATABASE postgres RESET default_transaction_read_only",
        )
    assert console("health", "--postgres", url).status is ExitStatus.OK


def test_a_qdrant(console: Console, tmp_path: Path) -> None:
    """The lab's stand-in for Qdrant: two peers of a cluster."""
    with StandinCluster(tmp_path, peers=2, api_key="canary-key") as cluster:
        vectors = {"vectors": {"size": 4, "distance": "Cosine"}}
        assert cluster[0].request("PUT", "/collections/notes", vectors).status == 200
        where = cluster[0].url.removeprefix("http://")
        refused = console("--json", "health", "--qdrant", where)
        assert "it answers 401" in says(refused)[0][1]
        key = {"QDRANT_API_KEY": "canary-key"}
        ended = console("--json", "health", "--qdrant", where, variables=key)
        assert ended.status is ExitStatus.OK, ended.out
        assert "notes: 0 points" in ended.data[0]["evidence"]
        cluster[0].switch(consensus_stopped=True)

        def is_seen() -> bool:
            ended = console("--json", "health", "--qdrant", where, variables=key)
            return "consensus is" in says(ended)[0][1]

        wait_until(is_seen)
        cluster[0].send(signal.SIGSTOP)
        ended = console("--json", "health", "--qdrant", where, variables=key)
        assert ended.status is ExitStatus.UNHEALTHY
        assert "no answer within" in says(ended)[0][1]
        assert "canary" not in ended.out + ended.err


def test_what_is_no_qdrant(console: Console, tmp_path: Path) -> None:
    with StandinCluster(tmp_path, peers=1, enabled=False) as cluster:
        relay = Bent(6333)
        relay.host = cluster[0].host
        try:
            where = f"127.0.0.1:{relay.port}"
            assert console("health", "--qdrant", where).status is ExitStatus.OK
            relay.bend = lambda data: data.replace(b'"collections"', b'"collectives"')
            ended = console("--json", "health", "--qdrant", where)
            assert "no Qdrant" in says(ended)[0][1]
            relay.bend = lambda data: data.replace(b"HTTP/1.1 200 OK", b"HTTP/1.1 503 No")
            assert "not ready" in says(console("--json", "health", "--qdrant", where))[0][1]
        finally:
            relay.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--redis", "redis://:canary@127.0.0.1"), "can be read by everybody"),
        (("--postgres", "postgresql://s@h/d?password=canary"), "can be read by everybody"),
        (("--qdrant", "ftp://127.0.0.1"), "must start with"),
        (("--redis", "a b"), "space"),
        (("--password-file", "redis"), "KIND=FILE"),
        (("--password-file", "redis=missing"), "no such file"),
    ],
)
def test_what_cannot_be_meant(console: Console, arguments: tuple[str, ...], said: str) -> None:
    ended = console("health", *arguments)
    assert ended.status is ExitStatus.USAGE
    assert said in ended.err
    assert "canary" not in ended.err


def test_one_that_is_down_does_not_hide_the_others(store: Store, console: Console) -> None:
    url = f"postgresql://sophia@/postgres?host={store.postgres.socket.parent}"
    ended = console("--json", "health", "--redis", "127.0.0.1:1", "--postgres", url)
    assert sorted(row["verdict"] for row in ended.data) == ["fail", "pass"]
    assert json.loads(ended.out)["status"] == "error"
