"""What goes wrong on the way: no process, a lost connection, a bad token, a server that is none."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import pytest

from sophia_cli import AsyncSophia, Sophia
from sophia_cli.client.problems import error_of
from sophia_cli.correlation import request
from sophia_cli.daemon.rest.statuses import STATUSES
from sophia_cli.errors import (
    ConfigurationError,
    RateLimited,
    Refused,
    SophiaError,
    TierDown,
    Unauthorized,
    Unreachable,
)
from sophia_cli.locations import rest_socket, socket_directory
from tests.client.conftest import House
from tests.conftest import Sophia as Cli


@pytest.mark.parametrize("way", ["sync", "async"])
def test_the_resident_process_is_started_where_none_runs(
    sophia: Cli, house: House, way: str
) -> None:
    with patch.dict(os.environ, {"SOPHIA_HOME": str(sophia.home)}):
        caller = house.caller("socket", way)
        made = caller("remember", "the first one").one
        first = sophia.resident()
        assert first
        # Ended between two calls: connections that were kept lead nowhere.
        assert sophia("down").returncode == 0
        assert caller("update", made.id, speaker="ann").one.speaker == "ann"
        assert sophia.resident() not in (0, first)
        # And without warning.
        os.kill(sophia.resident(), 9)
        assert caller("get", made.id).one.speaker == "ann"
        caller.close()
        house.made.remove(caller)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change owners")
def test_a_socket_in_somebody_elses_directory_is_not_spoken_to(home: Path) -> None:
    home = home / ("long" * 30)
    sockets = Path(socket_directory(str(home)))
    sockets.mkdir(mode=0o700)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(rest_socket(str(home)))
    listener.listen()
    os.chown(sockets, 65534, 65534)
    try:
        with (
            patch.dict(os.environ, {"SOPHIA_HOME": str(home)}),
            Sophia() as client,
            pytest.raises(Refused),
        ):
            client.remember("for us alone")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    finally:
        listener.close()
        shutil.rmtree(sockets)


def test_a_client_is_used_from_many_threads(house: House, user: str) -> None:
    with Sophia() as ours, Sophia(house.url, house.token) as theirs:

        def work(number: int) -> int:
            client = (ours, theirs)[number % 2]
            client.remember(f"thread {number}", user=user)
            assert client.recall(f"thread {number}", user=user)
            return len(list(client.list(user=user)))

        with ThreadPoolExecutor(16) as threads:
            counts = list(threads.map(work, range(48)))
        assert max(counts) == 48
        assert {memory.content for memory in ours.list(user=user)} == {
            f"thread {number}" for number in range(48)
        }


def test_the_first_calls_of_many_threads_open_one_service(house: House, user: str) -> None:
    with Sophia.in_process() as client, ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda n: client.remember(f"{user} {n}", user=user), range(16)))
        assert all(each.one.created for each in made)
        assert len(list(client.list(user=user))) == 16
    with pytest.raises(Unreachable, match="closed"):
        client.stats()


def test_a_bad_token_opens_nothing_and_is_shown_nowhere(house: House) -> None:
    token = house.token[:-4] + "aaaa"
    with Sophia(house.url, token) as client:
        with pytest.raises(Unauthorized) as refused:
            client.recall("anything")
        said = f"{client!r} {client._transport!r} {refused.value.message} {refused.value.hint}"
        assert token not in said + str(vars(client._transport))
    with Sophia(house.url) as client, pytest.raises(Unauthorized):
        client.recall("anything")


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("ftp://memory.example.com", None),
        ("memory.example.com", None),
        ("https://ann:secret@memory.example.com", None),
        ("https://memory.example.com?token=secret", None),
        ("https://memory.example.com", "secret\nX-Other: 1"),
        ("https://memory.example.com", " "),
        ("http://", None),
        ("http://[::1", None),
        (None, "secret"),
    ],
)
def test_what_cannot_be_used_is_refused_without_quoting_it(
    url: str | None, token: str | None
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Sophia(url, token)
    assert "secret" not in f"{refused.value.message} {refused.value.hint}"


def test_the_environment_names_the_server_and_its_token_goes_nowhere_else(
    house: House, user: str
) -> None:
    named = {"SOPHIA_URL": house.url, "SOPHIA_TOKEN": house.token}
    with patch.dict(os.environ, named):
        with Sophia() as client:
            assert repr(client) == f"Sophia({house.url!r})"
            assert client.remember("by the environment", user=user).one.created
        with Sophia(house.url) as client, pytest.raises(Unauthorized):
            client.recall("anything")
        # The command line has its own way.
        assert house.cli("list", env=named).returncode == 0


def test_a_degraded_answer_says_so(home: Path, user: str) -> None:
    away = {
        "SOPHIA_HOME": str(home),
        "SOPHIA_HOT_CACHE__URL": "redis://127.0.0.1:9/0",
        "SOPHIA_GPU_CACHE__ANSWERS": "false",
    }
    with patch.dict(os.environ, away), Sophia.in_process() as client:
        client.remember("The gateway is Caddy", user=user)
        found = client.recall("which gateway?", user=user)
        assert found.one.memory.content == "The gateway is Caddy"
        assert [reason.partition(":")[0] for reason in found.degraded] == ["hot_cache"]
        receipt = client.forget(found.one.memory.id)
        assert not receipt.complete
        assert receipt.one.tiers["hot_cache"] != "erased"


def test_a_tier_that_is_down_is_the_same_error(house: House) -> None:
    down = {"SOPHIA_RECORDS__URL": "postgresql://127.0.0.1:9/x", "SOPHIA_RECORDS__TIMEOUT": "1s"}
    with (
        patch.dict(os.environ, down),
        Sophia.in_process() as client,
        pytest.raises(TierDown) as failed,
    ):
        client.get("0" * 32)
    rebuilt = error_of("tier_down", failed.value.message, failed.value.hint)
    assert isinstance(rebuilt, TierDown)
    assert (rebuilt.tier, rebuilt.message) == ("records", failed.value.message)


def test_a_request_keeps_the_id_of_the_program(house: House, user: str) -> None:
    for client in (Sophia(), Sophia(house.url, house.token), Sophia.in_process()):
        with client, request("from-a-program.1") as id_:
            assert client.recall("anything", user=user).trace["request"] == id_
    found = house.cli.data("logs", "--request", "from-a-program.1", "-n", "99")
    assert [line["event"] for line in found].count("operation") == 3


def test_what_programs_send_is_in_no_log(house: House) -> None:
    canary = "xyzzyplugh"
    about = {"user": canary, "speaker": canary, "tags": {canary: canary}}
    for client in (Sophia(), Sophia(house.url, house.token), Sophia.in_process()):
        with client:
            made = client.remember(f"content {canary} {client!r}", **about).one
            client.recall(f"question {canary}", user=canary)
            client.update(made.id, content=f"changed {canary} {client!r}")
            for wrong in ({"at": canary}, {"expires": canary}, {"kind": canary}):
                with pytest.raises(SophiaError):
                    client.remember(f"wrong {canary}", **wrong)  # type: ignore[arg-type]
            client.forget(made.id)
    with Sophia(house.url, f"token-{canary}") as client, pytest.raises(Unauthorized):
        client.recall(canary)
    files = list((house.cli.home / "logs").glob("*.log*"))
    told = [line for file in files for line in file.read_text(errors="replace").splitlines()]
    assert [line for line in told if canary in line or house.token in line] == []
    assert any('"operation":"update"' in line for line in told)


Answer = Callable[[bytes], bytes | None]


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives what `answer` makes of each request; None ends the connection."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    while data := one_request(connection):
                        asked.append(data)
                        said = answer(data)
                        if said is None:
                            break
                        connection.sendall(said)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)


def one_request(connection: socket.socket) -> bytes:
    """A whole request, its body included; nothing at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += (more := connection.recv(1 << 20))
        if not more:
            return b""
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.findall(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[0]):
        body += connection.recv(1 << 20)
    return head + body


def http(status: str, body: str, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"content-length: {len(body.encode())}", *headers]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


@pytest.mark.parametrize(
    "said",
    [
        http("200 OK", "<html>It works!</html>"),
        http("200 OK", "[]"),
        http("200 OK", "{}"),
        http("200 OK", '{"data": [{"id": 7}], "degraded": [], "trace": {}}'),
        http("200 OK", '{"data": 5, "degraded": [], "trace": {}}'),
        http("200 OK", "[" * 100_000),
        http("502 Bad Gateway", "<html>secret</html>"),
        http("302 Found", "", "location: http://127.0.0.1:9/"),
        http("404 Not Found", '{"detail": "secret"}'),
        b"220 smtp.example.com\r\n",
    ],
)
def test_a_server_that_is_no_sophia_is_said_to_be_none(said: bytes) -> None:
    with serving(lambda _: said) as (url, _), Sophia(url, "token", timeout=2) as client:
        with pytest.raises(Unreachable) as refused:
            client.get("0" * 32)
        assert "secret" not in f"{refused.value.message} {refused.value.hint}"


def test_what_may_be_repeated_is_and_nothing_else(house: House) -> None:
    envelope = json.dumps({"data": [], "degraded": [], "trace": {}})
    for name, arguments, times in (
        ("recall", ("x",), 3),
        ("get", ("0" * 32,), 3),
        ("remember", ("x",), 3),
        ("forget", ("0" * 32,), 3),
        ("update", ("0" * 32, "ann"), 1),
    ):
        with serving(lambda _: None) as (url, asked), Sophia(url) as client:
            with pytest.raises(Unreachable) as lost:
                if name == "update":
                    client.update(arguments[0], speaker="ann")
                else:
                    getattr(client, name)(*arguments)
            assert lost.value.hint
            assert len(asked) == times, name
            if name == "remember":  # The server tells that it is the same request.
                keys = {line for each in asked for line in each.split(b"\r\n") if b"Idem" in line}
                assert len(keys) == 1
    turns = iter([None, http("200 OK", envelope)])
    with serving(lambda _: next(turns)) as (url, _), Sophia(url) as client:
        assert len(client.recall("x")) == 0


def test_nobody_there_and_nobody_who_answers(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Sophia(url, timeout=0.2) as client, pytest.raises(Unreachable, match="no answer"):
            client.recall("x")
        caller = house.caller("http", "async", url=url, timeout=0.2)
        with pytest.raises(Unreachable, match=r"within 0\.2 s"):
            caller("recall", "x")
    with Sophia(url) as client, pytest.raises(Unreachable, match="nobody takes"):
        client.update("0" * 32, speaker="ann")


def test_every_code_of_the_server_has_its_error_here() -> None:
    for code in STATUSES:
        made = error_of(code, "records: cause", "hint", "7")
        assert (made.message, made.hint) == ("records: cause", "hint")
        assert made.code == ("conflict" if code == "precondition_failed" else code)
    assert error_of("rate_limited", "m", "h", "7").seconds == 7.0  # type: ignore[attr-defined]
    assert error_of("rate_limited", "m", "h", "soon").seconds == 1.0  # type: ignore[attr-defined]
    unknown = error_of("of_a_later_version", "m", "h")
    assert (type(unknown), unknown.code) == (SophiaError, "of_a_later_version")
    assert SophiaError.code == "failed"
    assert isinstance(error_of("rate_limited", "m", "h"), RateLimited)


def test_a_closed_client_says_so() -> None:
    client = Sophia("http://127.0.0.1:9")
    client.close()
    with pytest.raises((Unreachable, RuntimeError)):
        client.stats()


def test_no_proxy_of_the_environment_is_asked(house: House) -> None:
    away = {"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    with patch.dict(os.environ, away), Sophia(house.url, house.token) as client:
        assert client.stats()


def test_importing_the_package_stays_free() -> None:
    program = (
        "import sys; before = set(sys.modules); import sophia_cli; print(set(sys.modules) - before)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stdout == "{'sophia_cli'}\n"
    assert Sophia.__name__ == "Sophia"
    assert issubclass(AsyncSophia, object)
    with pytest.raises(ImportError):
        from sophia_cli import Sofia  # type: ignore[attr-defined]  # noqa: F401
