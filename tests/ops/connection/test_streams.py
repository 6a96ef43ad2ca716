"""TCP connections that a host makes, and HTTP over them, against real servers behind real SSH."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from sophia_cli.errors import Unreachable
from sophia_cli.ops.connection.http import HostTransport, http_client
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.connection.ssh import SshConnection
from sophia_cli.ops.errors import HostKeyRefused, HostUnreachable, OutcomeUnknown
from tests.conftest import wait_until
from tests.ops.connection.server import SshServer
from tests.ops.connection.showing import private_key

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that gives back what it gets, until its end."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_echo, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _echo(connection: socket.socket) -> None:
    with connection, contextlib.suppress(ConnectionError):
        while data := connection.recv(1 << 16):
            if data.startswith(b"hang"):
                threading.Event().wait(30)
            if data.startswith(b"leave"):
                return
            connection.sendall(data)


def test_bytes_go_there_and_back(any_connection: SshConnection, echo: int) -> None:
    stream = any_connection.open_tcp("127.0.0.1", echo, 10.0)
    got = b""
    for n in range(50):
        piece = bytes([n]) * 10_000
        stream.sendall(piece)
        while len(got) < (n + 1) * 10_000:
            got += stream.recv(1 << 16)
        assert got.endswith(piece)
    stream.close()
    stream.close()


def test_the_other_side_s_end_is_an_end(any_connection: SshConnection, echo: int) -> None:
    stream = any_connection.open_tcp("127.0.0.1", echo, 10.0)
    stream.sendall(b"leave")
    assert stream.recv(1) == b""
    assert any_connection.run(Command("true", sudo=False)).exit_status == 0


def test_what_is_sent_to_one_who_has_gone_harms_no_other(
    any_connection: SshConnection, echo: int
) -> None:
    """OpenSSH ends the whole connection when something comes for a channel that is no more."""
    kept = any_connection.open_tcp("127.0.0.1", echo, 10.0)

    def leave(_: int) -> None:
        stream = any_connection.open_tcp("127.0.0.1", echo, 10.0)
        stream.sendall(b"leave")
        with pytest.raises(OSError, match="closed"):
            while True:
                stream.sendall(b"x" * 100_000)
        stream.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(leave, range(40)))
    kept.sendall(b"still here")
    assert kept.recv(100) == b"still here"


def test_an_answer_that_does_not_come_is_a_time_out(connection: SshConnection, echo: int) -> None:
    stream = connection.open_tcp("127.0.0.1", echo, 10.0)
    stream.sendall(b"hang")
    stream.settimeout(0.2)
    with pytest.raises(TimeoutError):
        stream.recv(1)


def test_nobody_listens_there(any_connection: SshConnection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match=rf"web-1: 127\.0\.0\.1:{port} is not reached") as caught:
        any_connection.open_tcp("127.0.0.1", port, 10.0)
    assert not isinstance(caught.value, HostUnreachable)


def test_a_host_that_forwards_nothing_says_how_to_change_it(
    server: SshServer, connection: SshConnection, echo: int
) -> None:
    server.faults.no_forwarding = True
    with pytest.raises(Unreachable) as caught:
        connection.open_tcp("127.0.0.1", echo, 10.0)
    assert "AllowTcpForwarding" in caught.value.hint


def test_a_lost_connection_is_not_taken_for_the_end_of_an_answer(
    server: SshServer, connection: SshConnection, echo: int
) -> None:
    stream = connection.open_tcp("127.0.0.1", echo, 10.0)
    stream.sendall(b"hang")
    server.drop()
    with pytest.raises(OutcomeUnknown, match=rf"web-1: .*lost.*127\.0\.0\.1:{echo}"):
        stream.recv(1)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    peers: set[object]

    def do_GET(self) -> None:
        self._answer(b"x" * 3_000_000 if self.path == "/large" else self.path.encode())

    def do_PUT(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        type(self).peers.add(self.client_address)
        if self.path == "/cut":
            self.close_connection = True
            return
        self.send_response(404 if self.path == "/nowhere" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Key", self.headers.get("api-key", ""))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    """A real HTTP server; the URL as the host sees it."""
    _Handler.peers = set()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    httpd.daemon_threads = True
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


def test_requests_are_answered_over_one_connection(
    any_connection: SshConnection, service: str
) -> None:
    with http_client(any_connection, service, 10.0, {"api-key": "the key"}) as client:
        answer = client.get("/collections?a=b")
        assert (answer.status_code, answer.text) == (200, "/collections?a=b")
        assert answer.headers["X-Key"] == "the key"
        assert client.get("/nowhere").status_code == 404
        assert client.get("/large").content == b"x" * 3_000_000
        body = bytes(range(256)) * 8192
        assert client.put("/points", content=body).content == body
        assert client.put("/points", json={"a": [1]}).json() == {"a": [1]}
    assert len(_Handler.peers) == 1


def test_requests_may_be_made_side_by_side(any_connection: SshConnection, service: str) -> None:
    with http_client(any_connection, service, 10.0) as client, ThreadPoolExecutor(8) as threads:
        texts = threads.map(lambda n: client.get(f"/{n}").text, range(80))
        assert list(texts) == [f"/{n}" for n in range(80)]


def test_httpx_s_own_errors_are_raised(connection: SshConnection, service: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with (
            http_client(connection, f"http://127.0.0.1:{port}", 2.0) as client,
            pytest.raises(httpx.ReadTimeout),
        ):
            client.get("/")
    with (
        http_client(connection, f"http://127.0.0.1:{port}", 5.0) as client,
        pytest.raises(httpx.ConnectError, match="is not reached from there"),
    ):
        client.get("/")
    with http_client(connection, service, 5.0) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/cut")
        assert client.get("/again").text == "/again"
        with pytest.raises(httpx.UnsupportedProtocol):
            client.get("https://127.0.0.1/")


def test_a_connection_that_the_service_closed_meanwhile_is_not_used_again(
    connection: SshConnection,
) -> None:
    def answer_once(listener: socket.socket) -> None:
        for _ in range(3):
            made, _ = listener.accept()
            made.recv(1 << 16)
            made.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            made.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_once, args=(listener,), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        transport = HostTransport(connection)
        with httpx.Client(transport=transport, base_url=url, timeout=10.0) as client:
            for _ in range(3):
                assert client.get("/").text == "ok"
                for kept in transport.pool.connections:
                    wait_until(kept.has_expired)


def test_faults_of_the_host_are_told_as_such(
    server: SshServer, connection: SshConnection, service: str
) -> None:
    with http_client(connection, service, 10.0) as client:
        assert client.get("/").status_code == 200
        server.host_key = private_key("ed25519")
        server.drop()
        with pytest.raises((OutcomeUnknown, HostKeyRefused)):
            client.get("/")
        with pytest.raises(HostKeyRefused):
            client.get("/")
