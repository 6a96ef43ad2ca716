"""What the thin client and the resident process say to each other over the Unix socket.

The client sends one request. Once it is accepted, it sends one byte, `S`, with its standard input,
output and error as file descriptors: the resident process writes straight to the user's terminal or
pipe, so that nothing is copied and nothing differs from a command in the foreground. A process that
is frozen never gets them: it would keep the pipe open, and whoever reads it waiting. Back come
single bytes:

    A   accepted: send the streams, then the command runs
    .   still at work, every `HEARTBEAT` seconds
    V   another version of sophia runs here; it goes away, try again
    X   done; one more byte holds the exit status

While it waits it may send one byte more, `I`: the user interrupted. It means the same as the end
of the connection: the command is to stop. Standard library only, built-ins at that.
"""

ACCEPTED = b"A"
ALIVE = b"."
OTHER_VERSION = b"V"
DONE = b"X"
STREAMS = b"S"
INTERRUPT = b"I"

NOT_HERE = 254
"""The exit status of a command that the resident process hands back before it has said anything:
it is for the foreground."""

HEARTBEAT = 2.0
"""Seconds between two signs of life."""
SILENCE = 10.0
"""Seconds without one after which the client takes the resident process for frozen."""

HEADER_BYTES = 4
_MAGIC = b"sophia "
LARGEST_REQUEST = 16 * 1024 * 1024


def pack(version: str, cwd: bytes, arguments: list[bytes], variables: list[bytes]) -> bytes:
    """A request: its length, then fields separated by NUL, which none of them can hold."""
    counts = b"%d %d" % (len(arguments), len(variables))
    body = b"\0".join([_MAGIC + version.encode(), counts, cwd, *arguments, *variables])
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def length_of(header: bytes | bytearray) -> int:
    """The length in bytes of the body that follows this header."""
    return int.from_bytes(header, "big")


def version_of(body: bytes) -> str:
    """The version of the client: the first field in every version, whatever follows it.

    Raises:
        ValueError: it is not a request.
    """
    name = body.partition(b"\0")[0]
    if not name.startswith(_MAGIC):
        raise ValueError("not a request")
    return name.removeprefix(_MAGIC).decode()


def unpack(body: bytes) -> tuple[bytes, list[bytes], list[bytes]]:
    """The working directory, arguments and variables of a request of our own version.

    Raises:
        ValueError: it is not a request.
    """
    _, counts, cwd, *rest = body.split(b"\0")
    arguments, variables = (int(count) for count in counts.split())
    if min(arguments, variables) < 0 or len(rest) != arguments + variables:
        raise ValueError("a request of the wrong length")
    return cwd, rest[:arguments], rest[arguments:]
