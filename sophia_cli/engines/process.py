"""What the engines have in common: a server process that is started once, adopted and stopped.

Any number of processes and threads may call `ensure()` at once. Whoever gets the data directory's
lock starts the server and hands it the lock (see `lock`); the others wait for its answer. The
server outlives its starter: it has a session of its own, no terminal and no other descriptors.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import ClassVar

from sophia_cli.engines import failure, lock
from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.home import Home
from sophia_cli.logs.events import log

_POLL_SECONDS = 0.005
_ANSWER_SECONDS = 1.0
_SILENCES = 2
_PATIENCE_AFTER_FORCE = 5.0


class Engine(ABC):
    """One embedded server of a home.

    Args:
        home: where its data, log, lock and socket are.
        timeout: seconds that `ensure()` waits for it, a first initialisation included.
    """

    title: ClassVar[str]
    """Its name in messages."""
    name: ClassVar[str]
    """Its name in file names."""
    socket_name: ClassVar[str]
    stop_signals: ClassVar[tuple[signal.Signals, ...]]
    """From the most polite on."""

    def __init__(self, home: Home, timeout: float = 30.0) -> None:
        self.home = home
        self.timeout = timeout
        self.socket = home.sockets / self.socket_name
        self.log = home.log(self.name)
        self._lock = home.locks / f"{self.name}.lock"
        self._mutex = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._known = False

    @property
    @abstractmethod
    def address(self) -> str:
        """What a client needs to connect."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves requests now; asked every few milliseconds during a start."""

    @abstractmethod
    def command(self) -> list[str]:
        """The argument list of the server."""

    def prepare(self, descriptor: int, deadline: float) -> None:  # noqa: B027  (may be empty)
        """What has to be done before a start, with the lock on the data directory held.

        Args:
            descriptor: holds the lock; for the processes that work on the directory.
            deadline: of `time.monotonic()`.
        """

    def ensure(self) -> str:
        """Starts the engine or adopts the running one; returns its address once it answers.

        Takes about a millisecond when it is up already: one question and its answer.

        Raises:
            OutOfSpace: the disk is full.
            Unreachable: it did not start, or not in time; the message has its last words. Or it
                runs, takes connections and has said nothing for three seconds: it is frozen.
            SophiaError: the home cannot be used, or the engine is not installed.
        """
        with self._mutex:
            started = time.monotonic()
            ours = False if self.answers() else self._start_or_adopt()
            if ours or not self._known:
                spent = round((time.monotonic() - started) * 1000)
                what = "engine started" if ours else "engine adopted"
                log.info(what, engine=self.name, duration_ms=spent)
            self._known = True
        return self.address

    def running(self) -> bool:
        """Whether any process of the engine, or one that is starting it, holds its data."""
        return lock.held(self._lock)

    def pid(self) -> int | None:
        """The process that listens on the engine's socket, by the kernel's word; None if none."""
        try:
            with self.connection() as peer:
                if sys.platform == "darwin":  # SOL_LOCAL, LOCAL_PEERPID of sys/un.h
                    credentials = peer.getsockopt(0, 2, 4)
                else:
                    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError:
            return None
        return int.from_bytes(credentials[:4], sys.byteorder) or None

    def stop(self, timeout: float = 10.0) -> bool:
        """Stops the engine, whoever started it, and returns once its data directory is free.

        Args:
            timeout: seconds for an orderly end; after that it is forced.

        Returns:
            Whether there was one to stop.

        Raises:
            Unreachable: it is still there after being forced.
        """
        with self._mutex:
            if not self.running():
                return False
            pid = None
            for number in self.stop_signals:
                patience = timeout if number is self.stop_signals[0] else _PATIENCE_AFTER_FORCE
                deadline = time.monotonic() + patience
                sent = False
                while time.monotonic() < deadline:
                    if not self.running():
                        self._reap()
                        log.info("engine stopped", engine=self.name, signal=number.name)
                        return True
                    if not sent and (pid := self.pid() or pid) is not None:
                        with suppress(ProcessLookupError):
                            os.kill(pid, number)
                        sent = True
                    time.sleep(_POLL_SECONDS)
        raise Unreachable(
            f"{self.title} did not stop; a process of it still uses {self.home.root}",
            f"see {self.log}, end the process and run it again",
        )

    def connection(self) -> socket.socket:
        """A new connection to the engine's socket; raises OSError when nobody listens."""
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            peer.settimeout(_ANSWER_SECONDS)
            peer.connect(str(self.socket))
        except BaseException:
            peer.close()
            raise
        return peer

    def run(self, arguments: list[str], descriptor: int, deadline: float) -> None:
        """Runs a program that works on the data directory to its end.

        Raises:
            Unreachable, OutOfSpace, SophiaError: it failed or took too long.
        """
        child = self._spawn(arguments, descriptor)
        try:
            code = child.wait(max(0.0, deadline - time.monotonic()))
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise self._failed(None) from error
            raise
        if code != 0:
            raise self._failed(code)

    def _start_or_adopt(self) -> bool:
        """Whether it was started here."""
        self.home.prepare()
        deadline = time.monotonic() + self.timeout
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        mine = None
        silences = 0
        while True:
            asked = time.monotonic()
            if self.answers():
                return mine is not None
            # One that starts does not take connections yet, and has all the time until `deadline`.
            silences = silences + 1 if time.monotonic() - asked >= _ANSWER_SECONDS else 0
            if silences == _SILENCES:
                raise self._failed(None, _SILENCES * _ANSWER_SECONDS)
            if mine is not None and (code := mine.poll()) is not None:
                raise self._failed(code)
            if mine is None and (descriptor := self._take()) is not None:
                mine = self._start(descriptor, deadline)
            if time.monotonic() > deadline:
                raise self._failed(None)
            time.sleep(_POLL_SECONDS)

    def _take(self) -> int | None:
        try:
            return lock.take(self._lock)
        except OSError as error:
            raise failure.of_system(error, self.home.root) from error

    def _start(self, descriptor: int, deadline: float) -> subprocess.Popen[bytes]:
        try:
            self._reap()
            self.prepare(descriptor, deadline)
            self._child = self._spawn(self.command(), descriptor)
        except OSError as error:
            raise failure.of_system(error, self.home.root) from error
        finally:
            os.close(descriptor)
        return self._child

    def _spawn(self, arguments: list[str], descriptor: int) -> subprocess.Popen[bytes]:
        """Starts a process that holds the lock, apart from our session, terminal and variables.

        Our variables may hold keys, and PostgreSQL would read its options from them.
        """
        with self.log.open("ab") as log:
            return subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(descriptor,),
                start_new_session=True,
                cwd=self.home.root,
                env={"PATH": os.defpath, "LC_ALL": "C"},
            )

    def _reap(self) -> None:
        """Takes note of the end of the server that we started, so that no zombie stays."""
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(_PATIENCE_AFTER_FORCE)
            self._child = None

    def _failed(self, code: int | None, waited: float | None = None) -> SophiaError:
        waited = self.timeout if waited is None else waited
        log.error("engine failed", engine=self.name, exit_status=code)
        return failure.of_server(self.title, self.log, self._log_start, code, waited)
