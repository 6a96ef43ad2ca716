"""A resident process under load, scraped by a real Prometheus on the files that were rendered."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from sophia_cli.engines.valkey import Valkey
from sophia_cli.home import Home
from sophia_cli.locations import rest_socket
from tests.conftest import Sophia, temporary_home, wait_until
from tests.monitoring.prometheus import Prometheus, free_port, running, tool
from tests.monitoring.qdrant_peers import peers

LOAD_SECONDS = float(os.environ.get("SOPHIA_TEST_MONITORING_SECONDS", "6"))
"""A minute shows more in the pictures; every query has its data after a few seconds."""


@dataclass(slots=True)
class Watched:
    """All of it, up."""

    sophia: Sophia
    address: str
    token: str
    qdrant: list[ThreadingHTTPServer]
    files: Path

    def scrape(self, accept: str = "", token: str | None = None) -> httpx.Response:
        """`GET /metrics`, as Prometheus asks."""
        headers = {"authorization": f"Bearer {token or self.token}", "accept": accept}
        return httpx.get(f"http://{self.address}/metrics", headers=headers, timeout=30)

    def recall(self, question: str) -> httpx.Response:
        """One recall by REST."""
        return httpx.post(
            f"http://{self.address}/v1/recall",
            headers={"authorization": f"Bearer {self.token}"},
            json={"query": question},
            timeout=30,
        )

    @property
    def valkey(self) -> int:
        """The process id of the hot cache."""
        pid = Valkey(Home(self.sophia.home)).pid()
        assert pid
        return pid


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A resident process on TCP with memories in it, and what Prometheus needs beside it."""
    files = tmp_path_factory.mktemp("monitoring")
    with temporary_home() as home, peers() as qdrant:
        address = f"127.0.0.1:{free_port()}"
        sophia = Sophia(home, {"SOPHIA_REST__LISTEN": address, "SOPHIA_REST__RATE": "100000"})
        lines = "\n".join(f'{{"content": "note {n} on filtering speed"}}' for n in range(30))
        ended = sophia("ingest", "-", "--format", "jsonl", input=lines)
        assert ended.returncode == 0, ended.stderr
        token = sophia.data("token", "create", "prometheus", "--scope", "read")[0]["token"]
        (files / "token").write_text(token)
        wait_until(lambda: Path(rest_socket(str(home))).exists())
        found = Watched(sophia, address, token, qdrant, files)
        wait_until(lambda: _answers(found))
        yield found


@pytest.fixture(scope="session")
def prometheus(watched: Watched) -> Iterator[Prometheus]:
    """It scrapes twice a second; conditions need not last."""
    tool("prometheus")
    ended = watched.sophia(
        *("monitor", "render", "--out", str(watched.files), "--interval", "500ms", "--for", "0s"),
        *("--token-file", str(watched.files / "token")),
        *(f"--qdrant=127.0.0.1:{each.server_port}" for each in watched.qdrant),
    )
    assert ended.returncode == 0, ended.stderr
    with running(watched.files) as found:
        load(watched, LOAD_SECONDS)
        yield found


def load(watched: Watched, seconds: float) -> None:
    """Two clients that ask new questions and old ones, and one that stores and is wrong."""
    ends = time.monotonic() + seconds
    faults: list[object] = []

    def ask(client: int) -> None:
        for number in itertools.count():
            if time.monotonic() > ends:
                return
            text = f"what is note {number}?" if number % 3 else "which notes are there?"
            answer = watched.recall(f"{text} {client}")
            if answer.status_code != 200:
                faults.append(answer.text)

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(2)]
    for thread in threads:
        thread.start()
    number = itertools.count()
    while time.monotonic() < ends:
        watched.sophia.data("remember", f"stored under load {next(number)}")
        watched.sophia("remember", " ")  # a failure
    for thread in threads:
        thread.join()
    assert not faults, faults[0]


def _answers(watched: Watched) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return watched.scrape().status_code == 200
    return False


def promtool(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs it to its end."""
    return subprocess.run(
        [tool("promtool"), *arguments], input=text, capture_output=True, text=True, timeout=60
    )
