"""The lines of a session: read from a descriptor, as messages of the protocol, and written."""

from __future__ import annotations

import contextlib
import json
import os
import select
from collections.abc import Callable, Iterator

import mcp_types as types

LONGEST_LINE = 8 << 20
"""Bytes of one message; a memory of the greatest length takes less than a tenth, all escaped."""

_PAUSE_MS = 100
_AT_ONCE = 1 << 16
# Some readers take these for the end of a line; in JSON they only stand in strings.
_BREAKS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


class Malformed(Exception):
    """A line that is no message, and the error that answers it."""

    def __init__(self, code: int, why: str, id_: str | int | None = None) -> None:
        super().__init__(why)
        error = types.ErrorData(code=code, message=why)
        self.answer = types.JSONRPCError(jsonrpc="2.0", id=id_, error=error)


def lines(descriptor: int, ended: Callable[[], bool]) -> Iterator[bytes | None]:
    """Each line without its end, the last one also where it has none.

    None stands for a line that is too long; it is read to its end and not kept.

    Args:
        ended: asked ten times a second while nothing comes; True ends the lines.
    """
    kept, size = bytearray(), 0
    while chunk := _read(descriptor, ended):
        *whole, rest = chunk.split(b"\n")
        for end in whole:
            size += len(end)
            yield bytes(kept + end) if size <= LONGEST_LINE else None
            kept, size = bytearray(), 0
        size += len(rest)
        if size <= LONGEST_LINE:
            kept += rest
        else:
            kept.clear()
    if size and not ended():
        yield bytes(kept) if size <= LONGEST_LINE else None


def message_of(line: bytes | None) -> types.JSONRPCMessage:
    """A line as a message.

    Raises:
        Malformed: it is none.
    """
    if line is None:
        raise Malformed(types.INVALID_REQUEST, f"a message has at most {LONGEST_LINE:,} bytes")
    message = None
    with contextlib.suppress(ValueError):
        message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    # The SDK takes a request whose id is none for a notification, which nobody answers.
    if message is not None and not isinstance(message, types.JSONRPCNotification):
        return message
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise Malformed(types.PARSE_ERROR, "not a line of JSON") from None
    id_ = found.get("id") if isinstance(found, dict) else None
    if message is not None and "id" not in found:
        return message
    known = id_ if isinstance(id_, str | int) and not isinstance(id_, bool) else None
    raise Malformed(types.INVALID_REQUEST, "not a message of JSON-RPC 2.0", known)


def line_of(message: types.JSONRPCMessage) -> str:
    """A message as a line, with its end."""
    text = message.model_dump_json(by_alias=True, exclude_unset=True)
    return f"{text.translate(_BREAKS)}\n"


def _read(descriptor: int, ended: Callable[[], bool]) -> bytes:
    """What has come; nothing at the end of the input, or once it is ended."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while not ended():
        if not poll.poll(_PAUSE_MS):
            continue
        try:
            return os.read(descriptor, _AT_ONCE)
        except BlockingIOError:
            continue  # Somebody else who has the same stream was faster.
        except OSError:
            break  # A terminal that has gone.
    return b""
