"""Commands on a host, through a server in this process and through OpenSSH's own."""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.connection.ssh import SshConnection
from sophia_cli.ops.errors import CommandFailed, OutcomeUnknown
from tests.conftest import wait_until
from tests.ops.connection.conftest import Connect
from tests.ops.connection.server import SshServer


def plain(text: str, stdin: bytes = b"", timeout: float | None = 60.0) -> Command:
    """A command of the user's own."""
    return Command(text, stdin, sudo=False, timeout=timeout)


def test_a_command_gives_its_status_and_both_outputs(any_connection: SshConnection) -> None:
    finished = any_connection.run(plain("echo out; echo err >&2; exit 7"))
    assert (finished.exit_status, finished.stdout, finished.stderr) == (7, "out\n", "err\n")


def test_a_text_for_the_shell_arrives_as_it_is(any_connection: SshConnection) -> None:
    text = "for w in 'a b' \"c'd\" \\\\ '$HOME' '\"' '!'; do printf '<%s>' \"$w\"; done\n# end"
    assert any_connection.run(plain(text)).stdout == "<a b><c'd><\\><$HOME><\"><!>"


def test_a_mistake_in_the_shell_s_text_is_the_command_s_own_failure(
    any_connection: SshConnection,
) -> None:
    finished = any_connection.run(plain("if then fi"))
    assert finished.exit_status != 0
    assert finished.stderr


def test_messages_of_programs_are_in_english(any_connection: SshConnection) -> None:
    finished = any_connection.run(plain('echo "$LC_ALL"; cat /nowhere'))
    assert finished.stdout == "C\n"
    assert "No such file or directory" in finished.stderr


def test_twenty_megabytes_go_in_while_as_many_come_out(any_connection: SshConnection) -> None:
    data = os.urandom(1 << 20) * 20
    finished = any_connection.run(plain("tee /dev/stderr | sha256sum; true", data))
    assert finished.stdout.split()[0] == hashlib.sha256(data).hexdigest()
    assert finished.stderr == data.decode("utf-8", "replace")


def test_a_command_that_reads_nothing_may_be_given_megabytes(any_connection: SshConnection) -> None:
    finished = any_connection.run(plain("exec <&-; echo done", b"x" * (8 << 20)))
    assert (finished.exit_status, finished.stdout) == (0, "done\n")


def test_a_command_without_input_sees_its_end_at_once(any_connection: SshConnection) -> None:
    assert any_connection.run(plain("cat; echo end")).stdout == "end\n"


def test_what_is_no_utf_8_is_replaced(any_connection: SshConnection) -> None:
    lines: list[str] = []
    finished = any_connection.run(plain(r"printf 'a\377\0b\nc\303'"), lines.append)
    assert finished.stdout == "a\ufffd\0b\nc\ufffd"
    assert lines == ["a\ufffd\0b", "c\ufffd"]


def test_a_character_is_whole_however_its_bytes_come(any_connection: SshConnection) -> None:
    lines: list[str] = []
    text = r"printf '\303'; sleep 0.2; printf '\274\n'; sleep 0.2; printf end"
    assert any_connection.run(plain(text), lines.append).stdout == "ü\nend"
    assert lines == ["ü", "end"]


def test_a_line_may_be_long(any_connection: SshConnection) -> None:
    lines: list[str] = []
    any_connection.run(plain("head -c 5000000 /dev/zero | tr '\\0' x; echo; echo y"), lines.append)
    assert [len(line) for line in lines] == [5_000_000, 1]


def test_lines_come_while_the_command_runs(any_connection: SshConnection, tmp_path: Path) -> None:
    go_on, lines = tmp_path / "go-on", []

    def on_output(line: str) -> None:
        lines.append(line)
        if line == "first":
            go_on.touch()

    text = f"echo first; while ! [ -e {go_on} ]; do sleep 0.05; done; echo second >&2"
    assert any_connection.run(plain(text), on_output).exit_status == 0
    assert lines == ["first", "second"]


def test_a_command_that_a_signal_ends_has_a_status_all_the_same(
    any_connection: SshConnection,
) -> None:
    assert any_connection.run(plain("sh -c 'kill -9 $$'")).exit_status == 128 + 9


def test_a_shell_that_is_killed_leaves_the_outcome_unknown(any_connection: SshConnection) -> None:
    with pytest.raises(OutcomeUnknown, match=r"web-1: .*without an exit status.*: kill -9"):
        any_connection.run(plain("kill -9 $$"))
    assert any_connection.run(plain("true")).exit_status == 0


def test_what_is_left_in_the_background_is_not_waited_for(any_connection: SshConnection) -> None:
    finished = any_connection.run(plain("sleep 40 & echo started"))
    assert (finished.exit_status, finished.stdout) == (0, "started\n")


def test_a_thousand_quick_commands_from_eight_threads(any_connection: SshConnection) -> None:
    def one(number: int) -> str:
        finished = any_connection.run(plain(f"read -r x; echo {number} $x", b"in\n"))
        assert finished.exit_status == 0
        return finished.stdout

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(one, range(1000))) == [f"{n} in\n" for n in range(1000)]


def test_more_commands_than_a_connection_takes_wait_for_one_another(
    any_connection: SshConnection, tmp_path: Path
) -> None:
    at_once = tmp_path / "at-once"
    at_once.mkdir()
    text = f"touch {at_once}/$$; sleep 0.3; ls {at_once} | wc -l; rm {at_once}/$$"
    with ThreadPoolExecutor(20) as threads:
        ended = list(threads.map(lambda _: any_connection.run(plain(text)), range(20)))
    assert [each.exit_status for each in ended] == [0] * 20
    assert max(int(each.stdout) for each in ended) <= 8


def test_a_host_may_take_fewer_sessions_than_we_would(
    server: SshServer, connection: SshConnection
) -> None:
    server.faults.sessions = 2
    with ThreadPoolExecutor(6) as threads:
        ended = list(threads.map(lambda _: connection.run(plain("sleep 0.2")), range(6)))
    assert [each.exit_status for each in ended] == [0] * 6


def test_a_command_that_takes_too_long_is_told_to_stop(
    any_connection: SshConnection, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(OutcomeUnknown, match=r"web-1: did not end within 3 s.*: echo"):
        any_connection.run(plain(f"echo $$ >{pid}; sleep 300; true", timeout=3.0))
    wait_until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())


def test_one_that_does_not_listen_is_ended_for_good(
    any_connection: SshConnection, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    text = f"trap '' TERM; sh -c 'echo $$ >{pid}; while :; do sleep 1; done'"
    with pytest.raises(OutcomeUnknown):
        any_connection.run(plain(text, timeout=3.0))
    wait_until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())


def test_output_without_an_end_is_stopped(connection: SshConnection, server: SshServer) -> None:
    with pytest.raises(OutcomeUnknown, match="wrote more than 64 MiB"):
        connection.run(plain("yes 0123456789012345678901234567890123456789"))
    wait_until(lambda: all(process.poll() is not None for process in server.processes))


def test_the_user_stops_what_runs(connect: Connect, tmp_path: Path) -> None:
    from sophia_cli.errors import Interrupted

    cancelled, pid = threading.Event(), tmp_path / "pid"
    connection = connect(cancelled=cancelled)

    def on_output(line: str) -> None:
        cancelled.set()

    with pytest.raises(Interrupted, match="web-1: was told to stop"):
        connection.run(plain(f"echo $$ >{pid}; echo begun; sleep 300; true"), on_output)
    wait_until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())


def test_who_cannot_take_a_line_ends_the_command_and_hears_of_their_own_error(
    connection: SshConnection, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"

    def on_output(line: str) -> None:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        connection.run(plain(f"echo $$ >{pid}; echo begun; sleep 300; true"), on_output)
    wait_until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())


def test_what_the_login_shell_says_by_itself_is_not_the_command_s(
    server: SshServer, connection: SshConnection
) -> None:
    # OpenSSH's bash reads .bashrc for a command too.
    server.login_words = "echo Welcome; echo Maintenance on Sunday >&2;"
    finished = connection.run(plain("echo mine"))
    assert (finished.stdout, finished.stderr) == ("mine\n", "")


def test_a_user_without_a_shell_is_told_of(server: SshServer, connection: SshConnection) -> None:
    server.login_words = "echo This account is currently not available.; exit 1;"
    with pytest.raises(CommandFailed, match=r"login shell of ubuntu.*not available"):
        connection.run(plain("true"))
