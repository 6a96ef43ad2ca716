"""Sees the arguments of the processes that are started on a host, also of those that end at once.

The kernel's process connector tells of each start (Linux, CONFIG_PROC_EVENTS); the arguments are
read at the priority of a real-time process. What is gone within half a millisecond may be missed,
a few in a hundred of such on a busy machine; how many were is counted.
`python -m tests.lab.witness` is the part that runs apart from the tests.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.lab.docker import LabError, inspected
from tests.lab.host import Host

_NETLINK_CONNECTOR = 11
_CN_IDX_PROC = 1
_LISTEN = 1
_EXEC = 0x00000002
_HEADERS = 16 + 20  # struct nlmsghdr, struct cn_msg; struct proc_event follows
_PID = struct.Struct("=I")
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 26, 33
_BUFFER = 8 << 20
_LONGEST = 1 << 18
# load what happened; go on if it is _EXEC; take all of the message; take nothing of it
_FILTER = (
    struct.pack("=HBBI", 0x20, 0, 0, _HEADERS),
    struct.pack("=HBBI", 0x15, 0, 1, socket.htonl(_EXEC)),
    struct.pack("=HBBI", 0x06, 0, 0, 0xFFFFFFFF),
    struct.pack("=HBBI", 0x06, 0, 0, 0),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One process that was started: its arguments, joined by spaces, and its control group."""

    arguments: str
    group: str


class Witness:
    """What was started on some hosts; whole once the block is left.

    Attributes:
        missed: how many processes of the whole machine had ended before they could be looked at.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.missed = 0

    def mentions(self, text: str) -> list[str]:
        """The command lines that hold a text."""
        return [one.arguments for one in self.seen if text in one.arguments]


@contextlib.contextmanager
def watching(*hosts: Host, here: bool = False) -> Iterator[Witness]:
    """Watches while the block runs, on the hosts and in the containers on them.

    Args:
        here: everything that is started on the machine as well, on which these hosts are.

    Raises:
        LabError: the kernel does not tell, or more was started than could be noted.
    """
    witness = Witness()
    ids = [inspected("container", host.container, "{{.Id}}") for host in hosts]
    with subprocess.Popen(
        [sys.executable, "-m", __name__], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as watcher:
        assert watcher.stdout and watcher.stdin
        try:
            if watcher.stdout.readline() != "watching\n":
                raise LabError("the kernel does not tell of processes: CONFIG_PROC_EVENTS, root")
            yield witness
        finally:
            watcher.send_signal(signal.SIGTERM)
            output = watcher.communicate(timeout=60.0)[0]
    if watcher.returncode:
        raise LabError("more processes were started than could be noted")
    witness.missed, *lines = (json.loads(line) for line in output.splitlines())
    found = [Seen(*line) for line in lines]
    # One that was gone before its group was read may be of any host.
    witness.seen += [
        one for one in found if here or not one.group or any(i in one.group for i in ids)
    ]


def _watch() -> None:
    """Notes every process that is started on this machine until SIGTERM, then prints them."""
    ended = False

    def end(*_: object) -> None:
        nonlocal ended
        ended = True

    signal.signal(signal.SIGTERM, end)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    gc.disable()
    seen: list[tuple[bytes, bytes]] = []
    missed = 0
    with _events() as events:
        print("watching", flush=True)
        events.settimeout(0.1)
        while True:
            try:
                message = events.recv(4096)
            except TimeoutError:
                if ended:
                    break
                continue
            directory = f"/proc/{_PID.unpack_from(message, _HEADERS + 16)[0]}/"
            arguments = _content(directory + "cmdline")
            missed += not arguments
            seen.append((arguments, _content(directory + "cgroup")))
    print(missed)
    for arguments, group in seen:
        words = arguments.replace(b"\0", b" ").decode(errors="replace").strip()
        print(json.dumps((words, group.decode())))


def _content(path: str) -> bytes:
    """What a file of /proc holds, by the fewest calls; nothing when the process is gone."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(file, _LONGEST)
    except OSError:
        return b""
    finally:
        os.close(file)


@contextlib.contextmanager
def _events() -> Iterator[socket.socket]:
    """The kernel's own word on processes (linux/cn_proc.h)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_CONNECTOR) as events:
        with contextlib.suppress(OSError):
            events.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        # The kernel drops what is no start of a program, so that nothing else wakes us.
        filtering = ctypes.create_string_buffer(b"".join(_FILTER))
        program = struct.pack("HL", len(_FILTER), ctypes.addressof(filtering))
        events.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        events.bind((os.getpid(), _CN_IDX_PROC))
        body = struct.pack("=IIIIHHI", _CN_IDX_PROC, 1, 0, 0, 4, 0, _LISTEN)
        events.send(struct.pack("=IHHII", 16 + len(body), 3, 0, 0, os.getpid()) + body)
        yield events


if __name__ == "__main__":
    _watch()
