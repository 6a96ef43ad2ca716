"""The end of the process: requests in flight are finished, what was acknowledged is there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.conftest import wait_until
from tests.daemon.rest.served import Served, served


@pytest.fixture
def own() -> Iterator[Served]:
    with served() as opened:
        yield opened


def test_under_load_nothing_acknowledged_is_lost_and_nothing_is_cut(own: Served) -> None:
    """Clients write until nobody answers any more. A response that has begun, ends."""
    token = own.token()
    under_way = threading.Semaphore(0)

    def write(who: int) -> tuple[list[str], list[BaseException]]:
        stored: list[str] = []
        with own.bearer(token) as client:
            for number in range(10_000):
                try:
                    answer = client.post(
                        "/v1/memories",
                        json={"content": f"fact {number} of {who}", "user": f"u{who}"},
                    )
                except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError) as error:
                    return stored, [error]
                assert answer.status_code == 201, answer.text
                stored.append(answer.json()["data"][0]["id"])
                under_way.release()
        return stored, []

    with ThreadPoolExecutor(6) as pool:
        writing = [pool.submit(write, who) for who in range(6)]
        for _ in range(30):
            under_way.acquire(timeout=60)
        assert own.sophia("down").returncode == 0
        ended = [each.result() for each in writing]
    for _, [error] in ended:
        # Refused, or closed before the first byte of an answer: never in the middle of one.
        assert "incomplete" not in str(error).lower(), error
    assert own.sophia("up").returncode == 0
    acknowledged = {id_ for stored, _ in ended for id_ in stored}
    with own.bearer(token) as client:
        for id_ in acknowledged:
            assert client.get(f"/v1/memories/{id_}").status_code == 200


def test_a_request_in_flight_is_finished(own: Served) -> None:
    """Its body comes while the process is ending already; new connections are refused."""
    token = own.token()
    body = b'{"content": "finished all the same"}'
    head = (
        f"POST /v1/memories HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with own.connection() as connection:
        connection.sendall(head.encode() + body[:10])
        with own.bearer(token) as other:
            other.get("/health/live")  # so that the head has been read
        down = own.sophia.start("down")

        def refused() -> bool:
            try:
                own.connection().close()
            except OSError:
                return True
            return False

        wait_until(refused)
        connection.sendall(body[10:])
        answer = connection.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 201"), answer
    assert down.wait(30) == 0
    down.communicate()
    assert own.sophia.contents() == ["finished all the same"]


def test_one_that_does_not_end_holds_it_up_only_so_long(own: Served) -> None:
    with own.connection() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\n")
        assert own.sophia("down", timeout=40).returncode == 0
        assert connection.recv(1) == b""
    assert not Path(own.socket).exists()


def test_it_comes_back_with_the_process(own: Served) -> None:
    with own.owner() as client:
        stored = client.post("/v1/memories", json={"content": "kept"}).json()["data"][0]["id"]
    for _ in range(2):
        assert own.sophia("down").returncode == 0
        assert own.sophia("up").returncode == 0
        with own.owner() as client:
            assert client.get(f"/v1/memories/{stored}").status_code == 200
