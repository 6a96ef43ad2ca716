"""A connection to this very machine: commands really run in `sh`, files are really written.

It fails on what a real host would refuse or sudo would change: a command that calls sudo itself, a
command that needs root and does not say so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sophia_cli.ops.connection.protocol import Command, Finished, RemoteFile, Stream
from sophia_cli.ops.errors import CommandFailed, OutcomeUnknown
from sophia_cli.ops.operations.operation import Change, Put

_PATIENCE = 60.0
_NOBODY = 65534


@dataclass(slots=True)
class LocalConnection:
    """This machine as a host.

    Attributes:
        programs: a directory whose programs stand before the machine's own.
        variables: what the commands see besides.
        commands: those that ran, in order.
    """

    programs: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)

    @property
    def host(self) -> str:
        return "here"

    def run(self, command: Command, on_output: Callable[[str], None] | None = None) -> Finished:
        """Runs it; without `sudo` as a user who may do next to nothing."""
        assert not re.search(r"\bsudo\b", command.text), "the connection does that"
        if os.geteuid() != 0:
            pytest.skip("commands of a host run as root")
        self.commands.append(command)
        path = os.defpath + ":/usr/sbin:/sbin:/usr/local/bin"
        path = f"{self.programs}:{path}" if self.programs else path
        try:
            ended = subprocess.run(
                ["/bin/sh", "-c", command.text],
                input=command.stdin,
                capture_output=True,
                timeout=command.timeout or _PATIENCE,
                env={"PATH": path, "LC_ALL": "C", **self.variables},
                cwd="/",
                user=None if command.sudo else _NOBODY,
                group=None if command.sudo else _NOBODY,
                extra_groups=None if command.sudo else [],
            )
        except subprocess.TimeoutExpired as error:
            raise OutcomeUnknown(f"{self.host}: not ended after {error.timeout} s") from None
        finished = Finished(
            ended.returncode,
            ended.stdout.decode(errors="replace"),
            ended.stderr.decode(errors="replace"),
        )
        if on_output is not None:
            for line in (finished.stdout + finished.stderr).splitlines():
                on_output(line)
        return finished

    def put(self, file: RemoteFile) -> None:
        target = Path(file.path)
        try:
            descriptor, name = tempfile.mkstemp(dir=target.parent)
        except OSError as error:
            raise CommandFailed(f"{self.host}: {file.path}: {error.strerror}") from None
        with os.fdopen(descriptor, "wb") as opened:
            os.fchmod(descriptor, int(file.mode, 8))
            shutil.chown(name, _number(file.owner), _number(file.group))
            opened.write(file.content)
        Path(name).replace(target)

    def open_tcp(self, address: str, port: int, timeout: float) -> Stream:
        raise AssertionError("nothing here asks for a stream")

    def close(self) -> None:
        """Nothing is open."""

    def apply(self, change: Change) -> str:
        """Does what a change says, as an engine does; what its last command printed.

        Raises:
            CommandFailed: with what the command complained of.
        """
        printed = ""
        for action in change.actions:
            if isinstance(action, Put):
                self.put(action.file)
                continue
            finished = self.run(action.command)
            printed = finished.stdout
            if finished.exit_status != 0:
                raise CommandFailed(f"{change.summary}: {finished.stderr}")
        return printed


def _number(name: str) -> int | str:
    return int(name) if name.isdigit() else name
