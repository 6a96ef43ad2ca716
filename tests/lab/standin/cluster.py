"""Some stand-in peers for a test, each a process of its own with a loopback address of its own.

    with StandinCluster(tmp_path) as cluster:
        cluster[0].request("GET", "/cluster")
        cluster.kill(2)

Peers are numbered from 0. They are not Qdrant.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import IO, Any

import yaml

from . import control

Json = Any
_ROOT = Path(__file__).parents[3]
_REST, _GRPC, _P2P = 6333, 6334, 6335
_START_S = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer answered; `body` is JSON, or text."""

    status: int
    content_type: str | None
    body: Json

    @property
    def result(self) -> Json:
        """The result of an answer that is 200.

        Raises:
            AssertionError: it is another one.
        """
        if self.status != 200:
            raise AssertionError(f"{self.status}: {self.body}")
        return self.body["result"]


@dataclass
class StandinPeer:
    """One peer: its address, its directory, and its process while it runs."""

    number: int
    host: str
    directory: Path
    api_key: str | None
    environment: dict[str, str]
    settings: Json
    process: subprocess.Popen[bytes] | None = None
    log: IO[bytes] | None = field(default=None, repr=False)
    listening: Any = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{_REST}"

    @property
    def uri(self) -> str:
        return f"http://{self.host}:{_P2P}"

    @property
    def storage(self) -> Path:
        return self.directory / "storage"

    @property
    def config(self) -> Path:
        return self.directory / "production.yaml"

    @property
    def log_text(self) -> str:
        """Everything that the peer has printed."""
        return (self.directory / "log").read_text()

    @property
    def id(self) -> int:
        """The peer's id, from its storage."""
        kept = json.loads((self.storage / "raft_state.json").read_text())
        peer_id: int = kept["peer_id"]
        return peer_id

    def request(
        self,
        method: str,
        path: str,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        raw: str | None = None,
        timeout: float = 60.0,
    ) -> Answer:
        """Asks the REST port, with the key unless `headers` are given.

        Raises:
            OSError: nobody answers.
        """
        if headers is None:
            headers = {"api-key": self.api_key} if self.api_key else {}
        connection = HTTPConnection(self.host, _REST, timeout=timeout)
        try:
            compact = None if body is None else json.dumps(body, separators=(",", ":"))
            data = compact if raw is None else raw
            connection.request(method, path, data, dict(headers))
            response = connection.getresponse()
            read = response.read()
        finally:
            connection.close()
        kind = response.headers.get("Content-Type")
        answered = json.loads(read) if kind == "application/json" else read.decode()
        return Answer(response.status, kind, answered)

    def switch(self, **switches: Any) -> None:
        """Sets the peer's switches; those that are not named are off."""
        control.write(self.directory / "control.json", **switches)

    def launch(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        """Starts the process with these arguments; does not wait for it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config.write_text(yaml.safe_dump(self.settings))
        self.log = (self.directory / "log").open("ab")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.lab.standin",
                "--config-path",
                str(self.config),
                *arguments,
            ],
            cwd=_ROOT,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                **self.environment,
                "STANDIN_CONTROL": str(self.directory / "control.json"),
            },
        )
        return self.process

    def wait_until_ready(self) -> None:
        """Returns once `/readyz` says so.

        Raises:
            AssertionError: it ended, or does not become ready.
        """

        def ready() -> bool:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"peer {self.number} ended:\n{self.log_text}")
            with suppress(OSError):
                return self.request("GET", "/readyz").status == 200
            return False

        until(ready, f"peer {self.number} is ready", _START_S)

    def send(self, number: Signals) -> None:
        """Sends a signal to the process, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, number: Signals, most: float = 60.0) -> int:
        """Sends a signal and waits for the process; returns its exit code."""
        if self.process is None:
            return 0
        self.send(number)
        if number == signal.SIGKILL:
            self.send(signal.SIGCONT)
        code = self.process.wait(most)
        if self.log is not None:
            self.log.close()
        self.process = None
        return code


class StandinCluster:
    """Peers that form a cluster; a context manager that starts them and ends them all.

    Args:
        directory: configuration, storage and log of each peer.
        peers: how many.
        api_key: the admin key of each; None leaves them open.
        pace: how slow time passes: 1 is the real server's pace.
        version: what the peers say they are.
        service: more of the configuration's section `service`.
        enabled: False makes one server that is no cluster.
    """

    def __init__(
        self,
        directory: Path,
        peers: int = 3,
        api_key: str | None = None,
        pace: float = 0.2,
        version: str = "1.18.3",
        service: Json = None,
        enabled: bool = True,
    ) -> None:
        self.directory = directory
        self.api_key = api_key
        self.enabled = enabled
        self._environment = {"STANDIN_PACE": str(pace), "STANDIN_VERSION": version}
        self._service = service or {}
        # A network of its own in 127.0.0.0/8: tests that run side by side do not meet.
        self._network = f"127.{10 + secrets.randbelow(240)}.{1 + secrets.randbelow(250)}"
        self.peers: list[StandinPeer] = []
        for _ in range(peers):
            self.add()

    def __getitem__(self, number: int) -> StandinPeer:
        return self.peers[number]

    def __enter__(self) -> StandinCluster:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def urls(self) -> list[str]:
        return [peer.url for peer in self.peers]

    def add(self, api_key: str | None = None, service: Json = None) -> StandinPeer:
        """One more peer, not started yet; an `api_key` of "" leaves it open."""
        number = len(self.peers)
        host = f"{self._network}.{11 + number}"
        directory = self.directory / f"peer-{number}"
        key = self.api_key if api_key is None else api_key or None
        settings: Json = {
            "storage": {
                "storage_path": str(directory / "storage"),
                "snapshots_path": str(directory / "snapshots"),
            },
            "service": {"host": host, "http_port": _REST, "grpc_port": _GRPC}
            | ({"api_key": key} if key else {})
            | self._service
            | (service or {}),
            "cluster": {"enabled": self.enabled, "p2p": {"port": _P2P}},
        }
        peer = StandinPeer(number, host, directory, key, dict(self._environment), settings)
        self.peers.append(peer)
        return peer

    def start(self, *numbers: int) -> None:
        """Starts peers one after the other, each once the one before is ready; all by default."""
        for number in numbers or range(len(self.peers)):
            self.launch(number)
            self.peers[number].wait_until_ready()
        if not numbers and self.enabled:
            until(self._formed, "the cluster has formed")

    def launch(self, number: int, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts one peer and does not wait; by default with the arguments that it joins with."""
        peer = self.peers[number]
        usual = ["--uri", peer.uri]
        if number:
            usual += ["--bootstrap", self.peers[0].uri]
        return peer.launch(arguments or usual if self.enabled else arguments)

    def stop(self, number: int) -> int:
        """SIGTERM, and waits; returns the exit code."""
        return self.peers[number].end(signal.SIGTERM)

    def kill(self, number: int) -> None:
        self.peers[number].end(signal.SIGKILL)

    def freeze(self, number: int) -> None:
        self.peers[number].send(signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        self.peers[number].send(signal.SIGCONT)

    def restart(self, number: int) -> None:
        """Stops a peer and starts it again with its storage."""
        self.stop(number)
        self.start(number)

    def cut(self, number: int) -> None:
        """Cuts a peer off from all the others; clients reach it still."""
        self.peers[number].switch(cut_from=[control.EVERYBODY])

    def heal(self, number: int) -> None:
        """Takes back every switch of a peer."""
        self.peers[number].switch()

    def leader(self) -> int:
        """The number of the peer that leads: any of them may, after an election."""
        for peer in self.peers:
            view = peer.request("GET", "/cluster").result
            if view["raft_info"]["leader"] == view["peer_id"]:
                return peer.number
        raise AssertionError("no peer leads")

    def wipe(self, number: int) -> None:
        """A peer that does not run loses its volume."""
        storage = self.peers[number].storage
        storage.rename(storage.with_name(f"lost-{secrets.token_hex(3)}"))

    def close(self) -> None:
        """Ends every process."""
        for number in range(len(self.peers)):
            self.kill(number)

    def _formed(self) -> bool:
        views = [peer.request("GET", "/cluster").result for peer in self.peers]
        return all(
            len(view["peers"]) == len(self.peers) and view["raft_info"]["leader"] for view in views
        )


def until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Waits for something to become so.

    Raises:
        AssertionError: it did not.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds:g} s still not so: {what}")
        time.sleep(0.02)
