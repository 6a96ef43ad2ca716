"""The user's own streams: closed, binary, a terminal, a full device; the same both ways."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from tests.conftest import SOPHIA, Sophia

WAYS = [[], ["--no-daemon"]]
RECALL = 'recall "which vector database?" --session alpha'


@pytest.mark.parametrize(
    ("way", "closing"),
    [([], "<&-"), ([], ">&-"), ([], "2>&-"), *((way, "<&- >&- 2>&-") for way in WAYS)],
)
def test_closed_streams_are_empty_ones(served: Sophia, way: list[str], closing: str) -> None:
    line = f'"$0" {" ".join(way)} {RECALL} {closing}'
    ended = shell(served, line)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert ("Qdrant" in ended.stdout) == (">&-" not in closing.replace("2>&-", ""))


@pytest.mark.parametrize("way", WAYS)
def test_a_closed_stdin_reads_as_an_empty_one(served: Sophia, way: list[str]) -> None:
    ended = shell(served, f'"$0" {" ".join(way)} remember - <&-')
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) <= 2


@pytest.mark.parametrize("way", WAYS)
def test_binary_stdin_is_refused_or_stored_but_never_a_traceback(
    served: Sophia, way: list[str]
) -> None:
    ended = subprocess.run(
        [SOPHIA, *way, "remember", "-"],
        input=bytes(range(256)) * 8,
        env=served.environment({}),
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == 2
    lines = ended.stderr.decode().splitlines()
    assert lines[0].startswith("sophia: ")
    assert len(lines) <= 2


@pytest.mark.parametrize("way", WAYS)
def test_a_full_device_is_said(served: Sophia, way: list[str]) -> None:
    ended = shell(served, f'"$0" {" ".join(way)} list > /dev/full')
    assert ended.returncode == 1
    assert "No space left" in ended.stderr
    assert len(ended.stderr.splitlines()) <= 2


def test_text_is_read_from_a_terminal(served: Sophia) -> None:
    ours, theirs = pty.openpty()
    client = served.start("remember", "-", stdin=theirs)
    os.write(ours, "typed by hand, with an ümlaut\n\x04".encode())
    out, error = client.communicate(timeout=20)
    assert client.returncode == 0, out + error
    assert "typed by hand, with an ümlaut" in served.contents()
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(("way", "width"), [([], 40), ([], 120), (WAYS[1], 40)])
def test_a_terminal_gets_colour_and_its_own_width(
    served: Sophia, way: list[str], width: int
) -> None:
    said = on_terminal(served, [*way, "recall", "an offer with a discount"], width)
    assert "\x1b[" in said
    plain = on_terminal(served, [*way, "--no-color", "recall", "an offer with a discount"], width)
    lines = [line.rstrip("\r\n") for line in unstyled(plain).splitlines()]
    longest = max(map(len, lines))
    assert longest <= width
    assert longest > width - 15


def test_a_pipe_gets_no_escapes(served: Sophia) -> None:
    assert "\x1b" not in served("recall", "an offer").stdout


@pytest.mark.parametrize(("options", "variables"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"})])
def test_colour_can_be_switched_off(
    served: Sophia, options: list[str], variables: dict[str, str]
) -> None:
    said = on_terminal(served, [*options, "recall", "an offer"], 80, variables)
    assert not {"30", "31", "32", "33", "34", "35", "36", "37"} & set(codes(said))


def test_both_ways_look_the_same_on_a_terminal(served: Sophia) -> None:
    line = ["list", "--session", "sales"]
    assert on_terminal(served, line, 60) == on_terminal(served, ["--no-daemon", *line], 60)


def shell(sophia: Sophia, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line, str(SOPHIA)],
        env=sophia.environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )


def on_terminal(
    sophia: Sophia, arguments: list[str], width: int, variables: dict[str, str] | None = None
) -> str:
    """What a command writes to a terminal of this width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, width, 0, 0))
    more = {"TERM": "xterm-256color", **(variables or {})}
    client = sophia.start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=more)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:
        pass  # Linux says so when the last process has closed the other end.
    os.close(ours)
    assert client.wait(30) == 0, said
    return said.decode()


def codes(said: str) -> list[str]:
    return [
        code
        for part in said.split("\x1b[")[1:]
        for code in part.partition("m")[0].split(";")
        if code.isdigit()
    ]


def unstyled(said: str) -> str:
    first, *parts = said.split("\x1b[")
    return first + "".join(part.partition("m")[2] for part in parts)


def test_output_to_a_file_is_complete(served: Sophia, tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("w") as file:
        assert served("export", stdout=file).returncode == 0
    assert path.read_text() == served("export").stdout
