"""The resident process of a home, seen from outside: whether it is there, its start and its end."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import time
from dataclasses import dataclass
from enum import StrEnum

from sophia_cli import __version__
from sophia_cli.errors import Unreachable
from sophia_cli.home import Home
from sophia_cli.locations import resident_lock, resident_socket

_STOP_TIMEOUT = 30.0
_ANSWER_TIMEOUT = 3.0
_PATIENCE_WITH_FROZEN = 0.5
_POLL = 0.02


class Condition(StrEnum):
    """How the resident process of a home is."""

    STOPPED = "stopped"
    NOT_READY = "not ready"
    """It is starting, or finishing its last commands."""
    RUNNING = "running"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Resident:
    """What a resident process wrote into its lock file; pid 0 when it has not done so yet."""

    pid: int = 0
    version: str = ""
    started_at: float = 0.0


def start(home: Home, timeout: float) -> None:
    """Starts the resident process unless it runs, and waits until it answers.

    One of another version is ended first.

    Raises:
        Unreachable: it does not answer within `timeout` seconds, or could not be started.
    """
    from sophia_cli.daemon.starting import start as start_in_background

    deadline = time.monotonic() + timeout
    hint = "`sophia logs` says why; `sophia down` ends a frozen one"
    while (state := condition(home)) is not Condition.RUNNING or _is_other(running(home)):
        if state is Condition.RUNNING:
            stop(home)
        elif state is Condition.STOPPED:
            try:
                connection = start_in_background(resident_socket(str(home.root)))
            except TimeoutError:
                connection = None
            if connection is None and condition(home) is Condition.STOPPED:
                raise Unreachable("the resident process could not be started", hint)
            if connection is not None:
                connection.close()
        if state is Condition.FROZEN or time.monotonic() > deadline:
            raise Unreachable(
                f"the resident process did not answer within {timeout:g} s"
                if state is not Condition.FROZEN
                else "the resident process is frozen",
                hint,
            )
        time.sleep(_POLL)


def running(home: Home) -> Resident | None:
    """The resident process of a home, or None when nobody holds its lock."""
    try:
        descriptor = os.open(resident_lock(str(home.root)), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return Resident(**json.loads(os.pread(descriptor, 4096, 0)))
    except (OSError, ValueError, TypeError):
        return Resident()
    finally:
        os.close(descriptor)


def condition(home: Home, timeout: float = _ANSWER_TIMEOUT) -> Condition:
    """How the resident process is, by asking it; one that is silent for `timeout` s is frozen."""
    if running(home) is None:
        return Condition.STOPPED
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(resident_socket(str(home.root)))
        except (TimeoutError, BlockingIOError):
            return Condition.FROZEN
        except OSError:
            return Condition.NOT_READY
        try:
            # Ending our side without a request is answered by the end of its side.
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
        except TimeoutError:
            return Condition.FROZEN
        except OSError:
            return Condition.NOT_READY
    return Condition.RUNNING


def stop(home: Home) -> bool:
    """Ends the resident process: asks, waits for its commands, and kills a frozen one.

    Nothing that was acknowledged can be lost: it is in PostgreSQL. Returns whether one was running.

    Raises:
        Unreachable: it is still there after being killed.
    """
    resident = running(home)
    if resident is None:
        return False
    frozen = condition(home) is Condition.FROZEN
    for number, patience in (
        (signal.SIGTERM, _PATIENCE_WITH_FROZEN if frozen else _STOP_TIMEOUT),
        (signal.SIGKILL, _STOP_TIMEOUT),
    ):
        deadline = time.monotonic() + patience
        signalled = 0
        while (now := running(home)) is not None and _same(now, resident):
            if time.monotonic() > deadline:
                break
            if now.pid != signalled:
                signalled = now.pid
                with contextlib.suppress(ProcessLookupError):
                    os.kill(now.pid, number)
            time.sleep(_POLL)
        else:
            return True
    raise Unreachable(
        f"the resident process (pid {resident.pid}) does not end", "end it by hand, then try again"
    )


def _same(one: Resident, other: Resident) -> bool:
    """Whether both are the same process, as far as it has said yet."""
    return 0.0 in (one.started_at, other.started_at) or one.started_at == other.started_at


def _is_other(resident: Resident | None) -> bool:
    return resident is not None and resident.version not in ("", __version__)
