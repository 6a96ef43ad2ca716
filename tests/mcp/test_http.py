"""MCP over HTTP: behind the gate of REST, for programs, not for pages of other machines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sophia_cli.locations import rest_socket
from sophia_cli.mcp.lines import LONGEST_LINE
from tests.conftest import Sophia, wait_until
from tests.mcp.conftest import HELLO

HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.fixture
def door(shared: Sophia) -> Iterator[httpx.Client]:
    """The door in the home, where everybody is the owner."""
    path = rest_socket(str(shared.home))
    wait_until(lambda: shared.home.joinpath(path).exists())
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=path), base_url="http://sophia", headers=HEADERS
    ) as client:
        yield client


def asked(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def test_there_is_no_session_to_take_over(door: httpx.Client) -> None:
    answer = door.post("/mcp", json=asked("initialize", **HELLO))
    assert answer.status_code == 200
    assert "mcp-session-id" not in answer.headers
    # Without a handshake, and under the id of a session that nobody has: it is all the same.
    listed = door.post("/mcp", json=asked("tools/list"), headers={"mcp-session-id": "another's"})
    assert len(listed.json()["result"]["tools"]) == 6


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD"])
def test_only_requests_are_taken(door: httpx.Client, method: str) -> None:
    answer = door.request(method, "/mcp")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        (None, "memory.example.com:8420", 200),
        ("http://localhost:3000", "localhost:8420", 200),
        ("http://127.0.0.1", "127.0.0.1", 200),
        ("https://[::1]:9", "[::1]:8420", 200),
        ("http://evil.example.com", "localhost:8420", 403),
        ("http://localhost.evil.example.com", "localhost:8420", 403),
        ("null", "localhost:8420", 403),
        ("http://localhost:8420", "evil.example.com:8420", 421),
    ],
)
def test_pages_of_other_machines_are_kept_out(
    door: httpx.Client, origin: str | None, host: str, status: int
) -> None:
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert door.post("/mcp", json=asked("ping"), headers=headers).status_code == status


def test_what_is_no_message_is_refused(door: httpx.Client) -> None:
    assert door.post("/mcp", content=b"{").status_code == 400
    assert door.post("/mcp", content=b"[]").status_code == 400
    assert (
        door.post("/mcp", content=b"{}", headers={"content-type": "text/plain"}).status_code == 400
    )
    assert door.post("/mcp", content=b"x" * (LONGEST_LINE + 1)).status_code == 413
    assert door.post("/mcp/", json=asked("ping")).status_code == 404
    assert door.post("/mcp", json=asked("ping")).json()["result"] == {}


def test_a_token_sees_what_it_is_bound_to_and_no_more(sophia: Sophia, free_port: int) -> None:
    address = f"127.0.0.1:{free_port}"
    sophia.variables["SOPHIA_REST__LISTEN"] = address
    assert sophia("up").returncode == 0
    tokens = {
        name: sophia.data("token", "create", name, *options)[0]["token"]
        for name, options in {
            "all": ["--scope", "read", "--scope", "write"],
            "ana": ["--scope", "read", "--scope", "write", "--user", "ana"],
            "reader": ["--scope", "read", "--kind", "coding"],
        }.items()
    }
    with httpx.Client(base_url=f"http://{address}", headers=HEADERS) as client:

        def answers() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return client.get("/healthz").status_code > 0
            return False

        wait_until(answers)

        def call(name: str, tool: str, **arguments: Any) -> Any:
            answer = client.post(
                "/mcp",
                json=asked("tools/call", name=tool, arguments=arguments),
                headers={"authorization": f"Bearer {tokens[name]}"},
            )
            return answer.json()["result"]["structuredContent"]

        def offered(name: str) -> set[str]:
            bearer = {"authorization": f"Bearer {tokens[name]}"}
            answer = client.post("/mcp", json=asked("tools/list"), headers=bearer)
            return {tool["name"] for tool in answer.json()["result"]["tools"]}

        for headers in ({}, {"authorization": "Bearer nonsense"}):
            refused = client.post("/mcp", json=asked("ping"), headers=headers)
            assert refused.status_code == 401
        call("all", "remember", content="Bo keeps the parser's keys", user="bo", kind="coding")
        call("ana", "remember", content="Ana keeps the lamp", kind="business")
        assert [row["user"] for row in call("ana", "recall", query="who keeps?")["data"]] == ["ana"]
        assert [row["user"] for row in call("reader", "recall", query="who keeps?")["data"]] == [
            "bo"
        ]
        assert len(call("all", "recall", query="who keeps?")["data"]) == 2
        assert call("reader", "remember", content="x")["error"]["code"] == "forbidden"
        assert call("ana", "recall", query="x", user="bo")["error"]["code"] == "forbidden"
        assert offered("reader") == {"recall", "find_similar", "ask"}
        assert len(offered("all")) == 6
