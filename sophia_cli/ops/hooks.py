"""Hooks: programs of the operator's that run on this machine before and after a phase."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sophia_cli.errors import Refused, SophiaError
from sophia_cli.ops.errors import CommandFailed

# The phase of the hooks around everything: before-deploy, after-deploy.
ALL = "deploy"
# What a program may need to find others and to write text; tokens and passwords are not in it.
_PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
)
_TIMEOUT = 300.0
# Seconds for the end of an output after that of its program, and between asking and forcing.
_GRACE = 5.0
_LINES = 200
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """A hook that was run.

    Attributes:
        name: `before-qdrant`.
        exit_status: None when it did not end in time and was ended.
        output: its last lines, of both outputs, redacted.
        fault: why it failed, in one line, redacted; empty where it did not.
    """

    name: str
    exit_status: int | None
    output: tuple[str, ...]
    seconds: float
    fault: str


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks of one run.

    Attributes:
        directory: `cluster.hooks_dir`; None where there are none.
        cluster: its name.
        run: the id of the run.
        variables: the user's environment; a little of it is passed on.
        redact: takes secrets out of a text.
        told: is told of each hook that ended, for the journal.
        timeout: how long one may take, seconds.
    """

    directory: Path | None
    cluster: str
    run: str
    variables: Mapping[str, str]
    redact: Callable[[str], str]
    told: Callable[[str, Ended], None]
    timeout: float = _TIMEOUT

    def check(self, phases: Iterable[str]) -> None:
        """Sees that every hook there is can be run; before anything is done.

        Args:
            phases: all that there are.

        Raises:
            Refused: one is for no phase, is no program, or others may change it; all at once.
        """
        if self.directory is None:
            return
        self._check_directory(self.directory)
        names = {f"{when}-{phase}" for phase in (*phases, ALL) for when in ("before", "after")}
        faults = []
        for path in sorted(self.directory.iterdir()):
            if path.name in names:
                try:
                    _check(path)
                except Refused as error:
                    faults.append(error.message)
            elif path.name.startswith(("before-", "after-")):
                faults.append(f"hook {path}: there is no such phase")
        if faults:
            raise Refused(
                "; ".join(faults), f"hooks are executable files: {', '.join(sorted(names))}"
            )

    def before(self, phase: str, hosts: Sequence[str]) -> None:
        """Runs the hook before a phase, if there is one.

        Raises:
            CommandFailed: it failed: the phase is not to begin.
            Refused: see `check`.
        """
        ended = self._run(f"before-{phase}", phase, hosts, "")
        if ended is not None and ended.fault:
            raise CommandFailed(
                f"hook {ended.name} on this machine: {ended.fault}",
                "nothing was done after it; mend it, or take it away, and run it again",
            )

    def after(self, phase: str, hosts: Sequence[str], outcome: str) -> str:
        """Runs the hook after a phase, if there is one, however the phase went.

        Args:
            outcome: `ok`, `failed` or `unknown`.

        Returns:
            Why it failed, in one line: the run is then partly done. Empty where it did not.
        """
        name = f"after-{phase}"
        try:
            ended = self._run(name, phase, hosts, outcome)
        except SophiaError as error:
            return error.message
        return f"hook {name} on this machine: {ended.fault}" if ended and ended.fault else ""

    def _run(self, name: str, phase: str, hosts: Sequence[str], outcome: str) -> Ended | None:
        if self.directory is None or not os.path.lexists(self.directory / name):
            return None
        self._check_directory(self.directory)
        path = self.directory.absolute() / name
        _check(path)
        kept = {key: self.variables[key] for key in _PASSED_ON if key in self.variables}
        variables = {
            **kept,
            "SOPHIA_CLUSTER": self.cluster,
            "SOPHIA_PHASE": phase,
            "SOPHIA_RUN": self.run,
            "SOPHIA_HOSTS": " ".join(hosts),
            "SOPHIA_OUTCOME": outcome,
        }
        ended = self._ended(name, path, variables)
        self.told(phase, ended)
        return ended

    def _ended(self, name: str, path: Path, variables: Mapping[str, str]) -> Ended:
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                [path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=variables,
                cwd=path.parent,
                start_new_session=True,
            )
        except OSError as error:
            why = error.strerror or "it cannot be started"
            return Ended(name, None, (), 0.0, f"{why}; a script begins with #!/bin/sh")
        output = _Output(process)
        try:
            status: int | None = process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            # Also when the user interrupts: it is in a session of its own, and would go on.
            if process.poll() is None:
                _end(process)
        lines = tuple(self.redact(output.text()).splitlines())
        fault = ""
        if status != 0:
            fault = f"did not end within {self.timeout:g} s" if status is None else _said(status)
            fault += f": {lines[-1]}" if lines else ""
        return Ended(name, status, lines, time.monotonic() - started, fault)

    def _check_directory(self, directory: Path) -> None:
        try:
            status = directory.stat()
        except OSError as error:
            raise Refused(
                f"hooks_dir: {directory}: {error.strerror}", "see cluster.hooks_dir"
            ) from None
        if not stat.S_ISDIR(status.st_mode):
            raise Refused(f"hooks_dir: {directory} is not a directory", "see cluster.hooks_dir")
        _check_owner(directory, status)


class _Output:
    """The last lines of a program's output; read on so that it never waits for a reader."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._lines: deque[bytes] = deque(maxlen=_LINES)
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()

    def text(self) -> str:
        """All of it, once the program has ended; what its children still write is left out."""
        self._reader.join(_GRACE)
        return b"".join(list(self._lines)).decode("utf-8", "replace")

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101
        with process.stdout:
            while line := process.stdout.readline(_CHUNK):
                self._lines.append(line)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a program and all that it started: it is asked first, and then there is no choice."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)


def _said(status: int) -> str:
    return f"ended with status {status}" if status > 0 else f"was ended by signal {-status}"


def _check(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"hook {path}: is not a regular file", "put the program itself there")
    _check_owner(path, status)
    if not status.st_mode & stat.S_IXUSR:
        raise Refused(f"hook {path}: is not executable", f"chmod 700 {path}")


def _check_owner(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to user {status.st_uid}, not to you", "chown it")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused(f"{path}: others may change it", f"chmod go-w {path}")
