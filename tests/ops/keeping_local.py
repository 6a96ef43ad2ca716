"""Hosts that are directories of this machine: their commands really run, in `sh`, without sudo."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sophia_cli.ops.connection.protocol import Command, Finished, RemoteFile, Stream
from sophia_cli.ops.errors import HostUnreachable, OutcomeUnknown

# Below a host's directory, where its commands run.
DIRECTORY = "var/lib/sophia-deploy"


@dataclass(slots=True)
class LocalHost:
    """One host, and the faults that it can have.

    Attributes:
        is_cut: no connection comes about.
        loses_answers: commands run to their end, and their answers are lost.
    """

    host: str
    root: Path
    is_cut: bool = False
    loses_answers: bool = False
    commands: list[Command] = field(default_factory=list)

    def run(self, command: Command, on_output: Callable[[str], None] | None = None) -> Finished:
        if self.is_cut:
            raise HostUnreachable(f"{self.host}: no route to the host")
        assert on_output is None, "nothing here shows output as it comes"
        self.commands.append(command)
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            ended = subprocess.run(
                ["sh", "-c", command.text],
                input=command.stdin,
                capture_output=True,
                cwd=self.root,
                timeout=command.timeout or 60.0,
                env={"PATH": os.environ["PATH"]},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OutcomeUnknown(f"{self.host}: no answer in time") from None
        if self.loses_answers:
            raise OutcomeUnknown(f"{self.host}: the connection was lost")
        return Finished(
            ended.returncode,
            ended.stdout.decode("utf-8", "replace"),
            ended.stderr.decode("utf-8", "replace"),
        )

    def put(self, file: RemoteFile) -> None:
        raise AssertionError("nothing here writes files but by commands")

    def open_tcp(self, address: str, port: int, timeout: float) -> Stream:
        raise AssertionError("nothing here speaks TCP")

    def close(self) -> None:
        pass


class LocalHosts:
    """The connections to such hosts, each in a directory of its name below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._hosts: dict[str, LocalHost] = {}
        self._guard = threading.Lock()

    def __getitem__(self, host: str) -> LocalHost:
        with self._guard:
            return self._hosts.setdefault(host, LocalHost(host, self._root / host))

    @contextlib.contextmanager
    def to(self, host: str) -> Iterator[LocalHost]:
        yield self[host]

    def lock(self, host: str) -> Path:
        """The file of a host's lock."""
        return self._root / host / DIRECTORY / "lock"
