"""What the thin client and the resident process say to each other over the Unix socket.

The client sends one request, with its standard input, output and error as file descriptors: the
resident process writes straight to the user's terminal or pipe, so that nothing is copied and
nothing differs from a command in the foreground. Back come single bytes:

    A   accepted: the command runs
    .   still at work, every `HEARTBEAT` seconds
    V   another version of sophia runs here; it goes away, try again
    X   done; one more byte holds the exit status

The client may send one byte, `I`: the user interrupted. Standard library only, built-ins at that.
"""

from __future__ import annotations

ACCEPTED = b"A"
ALIVE = b"."
OTHER_VERSION = b"V"
DONE = b"X"
INTERRUPT = b"I"

HEARTBEAT = 2.0
"""Seconds between two signs of life."""
SILENCE = 20.0
"""Seconds without one after which the client takes the resident process for frozen."""

_LENGTH_BYTES = 4
LARGEST_REQUEST = 16 * 1024 * 1024


def pack(version: str, cwd: bytes, arguments: list[bytes], variables: list[bytes]) -> bytes:
    """A request: its length, then fields separated by NUL, which none of them can hold."""
    counts = b"%d %d" % (len(arguments), len(variables))
    body = b"\0".join([version.encode(), counts, cwd, *arguments, *variables])
    return len(body).to_bytes(_LENGTH_BYTES) + body


def length_of(header: bytes) -> int:
    """The length in bytes of the body that follows this header."""
    return int.from_bytes(header)


def unpack(body: bytes) -> tuple[str, bytes, list[bytes], list[bytes]]:
    """The version, working directory, arguments and variables of a request.

    Raises:
        ValueError: it is not a request.
    """
    version, counts, cwd, *rest = body.split(b"\0")
    arguments, variables = (int(count) for count in counts.split())
    if len(rest) != arguments + variables:
        raise ValueError("a request of the wrong length")
    return version.decode(), cwd, rest[:arguments], rest[arguments:]


HEADER_BYTES = _LENGTH_BYTES
