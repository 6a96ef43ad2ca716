"""One request as it arrives: what it asks, who sent it, and the three streams that follow."""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sophia_cli import wire
from sophia_cli.daemon.streams import reader, writer
from sophia_cli.environment import Environment

_TIMEOUT = 10.0
_STREAMS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """A command line as a client sent it."""

    cwd: Path
    arguments: list[str]
    variables: dict[str, str]


def receive(connection: socket.socket) -> bytes | None:
    """The body of one request; None when the client only looked whether somebody is there.

    Raises:
        ValueError: it is not a request.
        PermissionError: it comes from another user.
        OSError: the connection was lost, or nothing came within ten seconds.
    """
    connection.settimeout(_TIMEOUT)
    check_peer(connection)
    data = bytearray(connection.recv(1 << 16))
    if not data:
        return None
    while len(data) < wire.HEADER_BYTES:
        data += _more(connection)
    end = wire.HEADER_BYTES + wire.length_of(data[: wire.HEADER_BYTES])
    if end > wire.LARGEST_REQUEST:
        raise ValueError("a request that is too large")
    while len(data) < end:
        data += _more(connection)
    return bytes(data[wire.HEADER_BYTES : end])


def parsed(body: bytes) -> Request:
    """What a body of our own version asks.

    Raises:
        ValueError: it is not a request.
    """
    cwd, arguments, variables = wire.unpack(body)
    pairs = (os.fsdecode(each).partition("=") for each in variables)
    return Request(
        Path(os.fsdecode(cwd)),
        [os.fsdecode(each) for each in arguments],
        {name: value for name, _, value in pairs},
    )


def environment_of(
    request: Request,
    connection: socket.socket,
    cancelled: threading.Event,
    ending: Callable[[], bool],
) -> Environment:
    """The environment of a command, with the streams that the client sends once it is accepted.

    Raises:
        ValueError: what came are not three streams.
        OSError: the connection was lost.
    """
    descriptors = _streams(connection)
    if len(descriptors) != _STREAMS:
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        raise ValueError("a request without its three streams")
    stdin, stdout, stderr = descriptors
    return Environment(
        reader(stdin, cancelled),
        writer(stdout, cancelled),
        writer(stderr, cancelled),
        request.cwd,
        request.variables,
        cancelled=cancelled,
        resident=True,
        ending=ending,
    )


def _streams(connection: socket.socket) -> list[int]:
    received = array.array("i")
    room = socket.CMSG_SPACE(_STREAMS * received.itemsize)
    _, ancillary, _, _ = connection.recvmsg(len(wire.STREAMS), room)
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received.frombytes(payload[: len(payload) - len(payload) % received.itemsize])
    return list(received)


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(1 << 20)
    if not received:
        raise ValueError("a request that ends early")
    return received


def check_peer(connection: socket.socket) -> None:
    """The socket's mode keeps others out; its peer's user id proves it where the system tells."""
    if hasattr(socket, "SO_PEERCRED"):
        credentials = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
        )
        _, user, _ = struct.unpack("3i", credentials)
        if user not in (os.geteuid(), 0):
            raise PermissionError(f"user {user} is not the owner")
