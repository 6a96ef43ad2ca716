"""Who works on the cluster: a user, a machine and a process that can be told from a later one."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# The fields of /proc/PID/stat after the name in brackets, counted from 0; man 5 proc_pid_stat.
_STATE, _START_TIME = 0, 19


@dataclass(frozen=True, slots=True)
class Owner:
    """A process of a user.

    Attributes:
        space: the machine's boot and the space that the pid counts in; empty where that cannot be
            known. A container may have its host's name and yet other processes.
        started: when the process started, in the kernel's ticks since the boot; 0 if not known.
    """

    user: str
    machine: str
    pid: int
    space: str = ""
    started: int = 0

    @classmethod
    def of_this_process(cls) -> Owner:
        """The process that asks."""
        pid = os.getpid()
        return cls(_user(), socket.gethostname(), pid, _space(), _stat(pid)[1])

    def __str__(self) -> str:
        return f"{self.user}@{self.machine}"

    @property
    def is_here(self) -> bool:
        """Whether its pid is one of ours; False where that cannot be known."""
        return self.space != "" and self.space == _space()

    @property
    def is_gone(self) -> bool:
        """Whether it is known that the process has ended. False when it may still run."""
        if not self.is_here:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        state, started = _stat(self.pid)
        return state in ("Z", "X") or (started != self.started and bool(started and self.started))


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _space() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _stat(pid: int) -> tuple[str, int]:
    """The state and the start of a process; empty and 0 where there is nothing to read."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = (
            (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        )
        return fields[_STATE], int(fields[_START_TIME])
    return "", 0
