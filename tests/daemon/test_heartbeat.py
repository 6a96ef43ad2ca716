"""Signs of life: none before a client is told that its command is taken."""

from __future__ import annotations

import socket

from sophia_cli import wire
from sophia_cli.daemon.server import _Client


def test_no_sign_of_life_comes_before_the_command_is_taken() -> None:
    theirs, ours = socket.socketpair()
    with theirs, ours:
        client = _Client(ours)
        client.alive()
        client.accept()
        client.alive()
        client.finish(0)
        ours.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: theirs.recv(9), b""))
    assert said == wire.ACCEPTED + wire.ALIVE + wire.DONE + b"\0"
