"""The resident process's checks: a real one frozen, replaced, grown, and in trouble."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sophia_cli import __version__
from sophia_cli.checks import resident
from sophia_cli.checks.check import Verdict
from sophia_cli.environment import utc_now
from sophia_cli.home import Home
from tests.checks.breaking.ports import free_port
from tests.checks.scenes import looks, worst
from tests.conftest import Sophia, temporary_home


@pytest.fixture(scope="module")
def running() -> Iterator[Sophia]:
    """A home whose resident process runs and listens on TCP."""
    with temporary_home() as home:
        sophia = Sophia(home, {"SOPHIA_REST__LISTEN": f"127.0.0.1:{free_port()}"})
        assert sophia("up").returncode == 0
        yield sophia


def test_one_that_is_frozen(running: Sophia) -> None:
    assert worst(looks(running.home, "RE-01", running.variables)) is Verdict.PASS
    os.kill(running.resident(), signal.SIGSTOP)
    [found] = looks(running.home, "RE-01", running.variables)
    assert found.verdict is Verdict.FAIL
    assert found.command == "sophia down"
    [unknown] = looks(running.home, "VE-02", running.variables)
    assert unknown.verdict is Verdict.UNKNOWN
    assert "frozen" in unknown.says
    os.kill(running.resident(), signal.SIGCONT)
    assert worst(looks(running.home, "RE-01", running.variables)) is Verdict.PASS


def test_one_that_should_listen_and_does_not_run(home: Path) -> None:
    listen = {"SOPHIA_REST__LISTEN": f"127.0.0.1:{free_port()}"}
    elsewhere = {"SOPHIA_RECORDS__URL": "postgresql://sophia@127.0.0.1:1/postgres"}
    assert worst(looks(home, "RE-01", elsewhere)) is Verdict.SKIPPED
    for number in ("RE-01", "RE-05"):
        [found] = looks(home, number, elsewhere | listen)
        assert found.verdict is Verdict.FAIL
        assert found.command == "sophia up"


@contextlib.contextmanager
def another(home: Path, **note: object) -> Iterator[None]:
    """This process holds the lock as a resident process of another version would."""
    made = Home(home).prepare()
    with (made.locks / "resident.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        note = {"pid": os.getpid(), "version": "0.0.1", "started_at": time.time() - 100, **note}
        lock.write(json.dumps(note))
        lock.flush()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(made.sockets / "resident.sock"))
        listener.listen()

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    listener.accept()[0].close()

        threading.Thread(target=answer, daemon=True).start()
        yield
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        (made.sockets / "resident.sock").unlink()


def test_one_of_another_version_is_told_and_not_replaced(home: Path) -> None:
    with another(home):
        [found] = looks(home, "RE-02")
        assert found.verdict is Verdict.WARN
        assert "version 0.0.1" in found.says
        [unknown] = looks(home, "VE-02")
        assert unknown.verdict is Verdict.UNKNOWN
        assert "version 0.0.1" in unknown.says
    with another(home, version=__version__):
        assert worst(looks(home, "RE-02")) is Verdict.PASS


def test_looking_at_one_of_another_version_leaves_it_alone(sophia: Sophia) -> None:
    with subprocess.Popen(["sleep", "120"]) as other:
        try:
            with another(sophia.home, pid=other.pid):
                for command in ("health", "doctor"):
                    ended = sophia(command)
                    assert ended.returncode == 3
                    assert "version 0.0.1" in ended.stdout
            assert other.poll() is None
        finally:
            other.kill()


def test_one_that_starts_and_starts(home: Path) -> None:
    elsewhere = {"SOPHIA_RESIDENT__START_TIMEOUT": "1s"}
    with another(home, started_at=time.time() - 3600):
        (home / "run" / "resident.sock").rename(home / "run" / "gone")
        [found] = looks(home, "RE-01", elsewhere)
        assert found.verdict is Verdict.FAIL
        assert "has been starting" in found.says
        (home / "run" / "gone").rename(home / "run" / "resident.sock")
        assert worst(looks(home, "RE-01", elsewhere)) is Verdict.PASS


def test_one_that_takes_more_memory_than_usual(
    running: Sophia, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert worst(looks(running.home, "RE-03", running.variables)) is Verdict.PASS
    small = {"SOPHIA_GPU_CACHE__ANSWER_MEMORY": "1mb", "SOPHIA_GPU_CACHE__VECTOR_MEMORY": "1mb"}
    monkeypatch.setattr(resident, "_BASE", 32 << 20)
    [found] = looks(running.home, "RE-03", running.variables | small)
    assert found.verdict is Verdict.WARN


def test_errors_of_late_in_its_log(running: Sophia) -> None:
    assert worst(looks(running.home, "RE-04", running.variables)) is Verdict.PASS
    line = {"timestamp": utc_now().isoformat(), "level": "error", "event": "engine failed"}
    with (running.home / "logs" / "resident.log").open("a") as log:
        log.write(f"{json.dumps(line)}\n" * 2)
    [found] = looks(running.home, "RE-04", running.variables)
    assert found.verdict is Verdict.WARN
    assert found.evidence == ("2 times: engine failed",)
    later = looks(
        running.home,
        "RE-04",
        running.variables,
        now=lambda: utc_now() + timedelta(minutes=11),
    )
    assert worst(later) is Verdict.PASS


def test_it_listens_elsewhere_than_it_should(running: Sophia) -> None:
    found = looks(running.home, "RE-05", running.variables)
    assert [each.verdict for each in found] == [Verdict.PASS, Verdict.PASS], found
    nobody = {"SOPHIA_REST__LISTEN": f"127.0.0.1:{free_port()}"}
    found = looks(running.home, "RE-05", nobody)
    assert worst(found) is Verdict.FAIL
    assert "refused" in found[0].says


def test_another_listens_where_it_should(running: Sophia) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "ok"}')

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        found = looks(
            running.home, "RE-05", {"SOPHIA_REST__LISTEN": f"127.0.0.1:{server.server_port}"}
        )
        assert worst(found) is Verdict.FAIL
        assert found[0].says == "it answers without a token"
    finally:
        server.shutdown()
        server.server_close()
