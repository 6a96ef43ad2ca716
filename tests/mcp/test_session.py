"""The life of a session: what begins it, what it bears, and each way in which it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sophia_cli.mcp.lines import LONGEST_LINE
from tests.conftest import Sophia, wait_until
from tests.mcp.conftest import HELLO, Editor, editors

Start = Callable[..., Editor]
WAYS = [(), ("--no-daemon",)]


@pytest.mark.parametrize("way", WAYS)
def test_a_session_ends_with_its_input(edit: Start, way: tuple[str, ...]) -> None:
    editor = edit(way=way)
    assert editor.ask("ping")["result"] == {}
    assert editor.close() == (0, "", "")


@pytest.mark.parametrize("way", WAYS)
def test_what_was_asked_is_answered_before_it_ends(
    shared: Sophia, user: str, way: tuple[str, ...]
) -> None:
    asked = [
        {"id": 0, "method": "initialize", "params": HELLO},
        {"method": "notifications/initialized"},
        *(
            {
                "id": number,
                "method": "tools/call",
                "params": {"name": "remember", "arguments": {"content": f"n {number} of {user}"}},
            }
            for number in range(1, 21)
        ),
    ]
    # The last line has no end.
    text = "\n".join(json.dumps({"jsonrpc": "2.0", **each}) for each in asked)
    ended = shared(*way, "mcp", input=text)
    assert (ended.returncode, ended.stderr) == (0, "")
    answers = {answer["id"]: answer for answer in map(json.loads, ended.stdout.splitlines())}
    assert sorted(answers) == list(range(21))
    assert not any(answers[number]["result"].get("isError") for number in range(1, 21))


def test_a_file_will_do_for_an_input(shared: Sophia, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}) + "\n")
    with path.open() as stdin:
        ended = shared("mcp", stdin=stdin)
    assert (ended.returncode, json.loads(ended.stdout)["id"]) == (0, 1)


MALFORMED = [
    (b"this is not json", -32700, None),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "pi', -32700, None),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": "\xff"}}', -32700, None),
    (b"[" * 100_000, -32700, None),
    (b'{"jsonrpc": "2.0", "id": 5, "method": 6}', -32600, 5),
    (b'{"jsonrpc": "1.0", "id": "a", "method": "ping"}', -32600, "a"),
    (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600, None),
    (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600, None),
    (b'"ping"', -32600, None),
    (b'{"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": []}', -32600, 8),
    (b'{"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {}}', -32602, 9),
    (b'{"jsonrpc": "2.0", "id": 9, "method": "no/such"}', -32601, 9),
    (b"x" * (LONGEST_LINE + 1), -32600, None),
]


def test_a_line_that_is_no_message_is_answered_and_the_session_goes_on(edit: Start) -> None:
    editor = edit()
    for line, code, id_ in MALFORMED:
        editor.write(line + b"\n")
        answer = editor.read()
        assert (answer["error"]["code"], answer["id"]) == (code, id_), line[:80]
        assert editor.ask("ping")["result"] == {}
    assert editor.close() == (0, "", "")


def test_empty_lines_and_windows_line_ends_are_no_fault(edit: Start) -> None:
    editor = edit()
    editor.write('\n\r\n{"jsonrpc": "2.0", "id": "x", "method": "ping"}\r\n')
    assert editor.read()["id"] == "x"


def test_a_message_may_come_in_pieces(edit: Start) -> None:
    editor = edit()
    for piece in ('{"jsonrpc": "2.0", ', '"id": "in pieces", "meth', 'od": "ping"}', "\n"):
        editor.write(piece)
        os.sched_yield()
    assert editor.read()["id"] == "in pieces"


def test_half_a_line_at_the_end_harms_nobody(edit: Start) -> None:
    editor = edit()
    editor.write('{"jsonrpc": "2.0", "id": 1, "me')
    status, out, error = editor.close()
    assert (status, error, json.loads(out)["error"]["code"]) == (0, "", -32700)


def test_the_longest_memory_fits_however_it_is_written(edit: Start, user: str) -> None:
    content = f"{user} " + "\U0001f4be" * 90_000
    (stored,) = edit().rows("remember", content=content)
    (row,) = edit("--user", user).rows("remember", content=content)
    assert stored["id"] != row["id"]


def test_a_request_before_the_handshake_is_refused_and_ping_is_not(edit: Start) -> None:
    editor = edit(hello=False)
    assert editor.ask("ping")["result"] == {}
    assert editor.ask("tools/list")["error"]["code"] == -32602
    assert editor.open()["result"]["serverInfo"]["name"] == "sophia"


def test_several_sessions_at_once(edit: Start, user: str) -> None:
    sessions = [edit("--user", user) for _ in range(4)]
    for number, session in enumerate(sessions):
        session.rows("remember", content=f"session {number} of {user} speaks")
    for session in sessions:
        assert len(session.rows("recall", query="who speaks?")) == len(sessions)
    for session in sessions:
        assert session.close()[0] == 0


def test_more_requests_than_are_open_at_once_are_all_answered(edit: Start) -> None:
    editor = edit()
    editor.write(
        "".join(
            json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/list"}) + "\n"
            for number in range(300)
        )
    )
    assert sorted(editor.read()["id"] for _ in range(300)) == list(range(300))


@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_ends_it(edit: Start, way: tuple[str, ...]) -> None:
    editor = edit(way=way)
    editor.process.send_signal(signal.SIGINT)
    editor.process.wait(30)  # its input ends afterwards: that would end it as well
    status, out, error = editor.close()
    assert (status, out) == (130, "")
    assert error.startswith("sophia: interrupted\n")
    assert "Traceback" not in error


@pytest.mark.parametrize("way", WAYS)
def test_an_editor_that_asks_and_never_reads_can_be_left(edit: Start, way: tuple[str, ...]) -> None:
    editor = edit(way=way)
    os.set_blocking(editor.process.stdin.fileno(), False)
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}) + "\n"
    with pytest.raises(BlockingIOError):
        while True:  # until nobody takes more
            editor.write(line * 100)
    editor.process.send_signal(signal.SIGINT)
    assert editor.process.wait(20) == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_editor_that_ends_the_bridge_leaves_nothing_behind(
    edit: Start, shared: Sophia, number: signal.Signals
) -> None:
    editor = edit()
    held = Path(f"/proc/{editor.process.pid}/fd/0").readlink()
    assert held in open_files(shared.resident())
    editor.process.send_signal(number)
    assert editor.process.wait(10) == -number
    wait_until(lambda: held not in open_files(shared.resident()))


def test_an_editor_that_reads_no_more_ends_it(edit: Start) -> None:
    editor = edit()
    editor.process.stdout.close()
    editor.send(id=1, method="ping")
    assert editor.process.wait(10) == 0
    assert editor.process.stderr.read() == ""


def test_down_ends_it_at_once_with_a_reason(sophia: Sophia) -> None:
    with editors(sophia) as start:
        editor = start()
        assert sophia("down").returncode == 0
        status, out, error = editor.close()
        assert (status, out) == (4, "")
        assert error.startswith("sophia: the resident process is ending\n")


def test_a_resident_process_that_dies_ends_it_with_a_reason(sophia: Sophia) -> None:
    with editors(sophia) as start:
        editor = start()
        os.kill(sophia.resident(), signal.SIGKILL)
        status, out, error = editor.close()
        assert (status, out) == (4, "")
        assert error.startswith("sophia: the resident process ended while the command ran")
        assert start().ask("ping")["result"] == {}


def test_another_version_gets_its_way(sophia: Sophia) -> None:
    with editors(sophia) as start:
        editor = start()
        program = (
            "import sophia_cli, sys; sophia_cli.__version__ = '0.0.0-other'\n"
            "from sophia_cli import __main__; __main__.__version__ = '0.0.0-other'\n"
            "sys.argv = ['sophia', 'list']; sys.exit(__main__.main())"
        )
        other = subprocess.Popen(
            [sys.executable, "-c", program], env=sophia.environment({}), stdout=-3, stderr=-3
        )
        assert editor.process.wait(30) == 4
        other.kill()
        other.wait()


def test_only_the_protocol_reaches_the_output_of_a_foreground_session(edit: Start) -> None:
    """Whatever else the process prints goes to standard error."""
    editor = edit(way=("--no-daemon",))
    output = Path(f"/proc/{editor.process.pid}/fd/1").readlink()
    assert output == Path(f"/proc/{editor.process.pid}/fd/2").readlink()
    assert editor.ask("ping")["result"] == {}


def test_json_is_not_for_it(shared: Sophia) -> None:
    ended = shared("--json", "mcp")
    assert ended.returncode == 2
    assert json.loads(ended.stdout)["error"]["code"] == "invalid_input"


def test_a_broken_configuration_is_said_before_anything_is_served(shared: Sophia) -> None:
    ended = shared("mcp", env={"SOPHIA_HOT_CACHE__ENABLE": "false"})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "SOPHIA_HOT_CACHE__ENABLE" in ended.stderr


def test_a_session_follows_the_configuration(shared: Sophia, tmp_path: Path, user: str) -> None:
    path = tmp_path / "sophia.yaml"
    path.write_text("recall:\n  limit: 1\n")
    with editors(shared) as start:
        editor = start("--user", user, way=("--config", str(path)))
        for number in range(3):
            editor.rows("remember", content=f"the {number}th lamp of {user} is green")
        assert len(editor.rows("recall", query="lamps")) == 1
        path.write_text("recall:\n  limit: 2\n# changed\n")
        assert len(editor.rows("recall", query="which lamps")) == 2


def open_files(pid: int) -> set[Path]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(descriptor.readlink())
        except FileNotFoundError:  # closed since
            continue
    return found
