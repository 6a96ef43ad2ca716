"""A real Prometheus: found, or brought from Debian's archive; run on this machine, and asked."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

CACHE = Path(tempfile.gettempdir()) / f"sophia-test-prometheus-{os.getuid()}"
BROUGHT = CACHE / "there" / "usr" / "bin"


def tool(name: str) -> str:
    """The path of `prometheus` or `promtool`; skips the test where there is no way to have it."""
    found = shutil.which(name)
    if found is None:
        if fault := _brought():
            pytest.skip(f"prometheus is not installed, and {fault}")
        found = str(BROUGHT / name)
    return found


@functools.cache
def _brought() -> str:
    """Unpacks Debian's package into a directory of ours: nothing is installed, no service runs.

    Returns why it could not, or nothing; asked once a run.
    """
    if (BROUGHT / "promtool").exists():
        return ""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return "there is no apt-get to bring it"
    CACHE.mkdir(mode=0o700, exist_ok=True)
    if CACHE.stat().st_uid != os.getuid():
        return f"{CACHE} belongs to somebody else"
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        directory = Path(name)
        fault = _apt("download", "prometheus", into=directory)
        if fault and os.geteuid() == 0:
            fault = _apt("update", into=directory) or _apt("download", "prometheus", into=directory)
        packages = list(directory.glob("prometheus_*.deb"))
        if fault or not packages:
            return f"apt-get cannot bring it: {fault}"
        unpacked = directory / "there"
        subprocess.run(["dpkg-deb", "-x", packages[0], unpacked], check=True)
        with contextlib.suppress(OSError):  # another run was faster
            unpacked.rename(CACHE / "there")
    return ""


def _apt(*arguments: str, into: Path) -> str:
    """Why it failed; nothing when it did not."""
    command = ["apt-get", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=10", *arguments]
    try:
        ended = subprocess.run(command, cwd=into, capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return "no answer within 30 s"
    return (ended.stderr.strip().splitlines() or ["?"])[-1] if ended.returncode else ""


@dataclass(slots=True)
class Prometheus:
    """One that runs."""

    url: str
    process: subprocess.Popen[bytes]

    def api(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer; what is refused fails the test with the reason."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30).json()
        assert answer["status"] == "success", (parameters, answer.get("error"))
        return answer["data"]

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        found: list[dict[str, Any]] = self.api("query", query=query)["result"]
        return found

    def value(self, query: str) -> float | None:
        """The value of the only series; None where there is none."""
        found = self.ask(query)
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        alerts = self.api("alerts")["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Prometheus]:
    """Runs on `prometheus.yml` in a directory, which also takes its data and its log."""
    port = free_port()
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                tool("prometheus"),
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        prometheus = Prometheus(f"http://127.0.0.1:{port}", process)
        deadline = time.monotonic() + 30
        while not _ready(prometheus):
            assert process.poll() is None, (directory / "prometheus.log").read_text()
            assert time.monotonic() < deadline, "it does not become ready"
            time.sleep(0.05)
        yield prometheus
    finally:
        process.kill()
        process.wait()


def _ready(prometheus: Prometheus) -> bool:
    try:
        return httpx.get(f"{prometheus.url}/-/ready", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
