"""Lines come whole whatever pieces they arrive in, and any bytes at all are a message or none."""

from __future__ import annotations

import contextlib
import json
import os
import threading

import mcp_types as types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.mcp import lines as room
from sophia_cli.mcp.lines import Malformed, line_of, lines, message_of


def read(pieces: list[bytes]) -> list[bytes | None]:
    """The lines of what another thread writes piece by piece."""
    reading, writing = os.pipe()

    def write() -> None:
        for piece in pieces:
            os.write(writing, piece)
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        return list(lines(reading, lambda: False))
    finally:
        writer.join()
        os.close(reading)


@given(st.lists(st.binary(min_size=1, max_size=30)))
def test_lines_do_not_depend_on_the_pieces(pieces: list[bytes]) -> None:
    whole = b"".join(pieces).split(b"\n")
    assert read(pieces) == (whole if whole[-1] else whole[:-1])


def test_a_line_that_is_too_long_is_counted_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LONGEST_LINE", 10)
    pieces = [b"0123456789\n", b"0123456", b"7890\nnext\n", b"x" * 30, b"\n" + b"y" * 11]
    assert read(pieces) == [b"0123456789", None, b"next", None, None]


def test_nothing_more_is_read_once_it_is_ended() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"one\nhalf")
    ended = threading.Event()
    found = lines(reading, ended.is_set)
    assert next(found) == b"one"
    ended.set()
    assert list(found) == []
    os.close(reading)
    os.close(writing)


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.just("2.0"),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error"]), inner
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_line_is_a_message_or_is_answered(line: bytes) -> None:
    with contextlib.suppress(Malformed):
        message_of(line)


@given(st.text(), st.integers() | st.text())
def test_a_message_is_one_line_for_every_reader(text: str, id_: int | str) -> None:
    message = types.JSONRPCResponse(jsonrpc="2.0", id=id_, result={"text": text})
    line = line_of(message)
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    assert json.loads(line)["result"] == {"text": text}
    assert message_of(line.encode()) == message
