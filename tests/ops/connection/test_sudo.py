"""Commands as root: sudo with and without a password, and the password where nobody sees it.

The sudo here is a fake that keeps to sudo(8); the lab has the real one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.connection.redaction import Redactor
from sophia_cli.ops.connection.ssh import SshConnection
from sophia_cli.ops.errors import OutcomeUnknown, SudoRefused
from tests.conftest import wait_until
from tests.ops.connection.conftest import Connect
from tests.ops.connection.server import SshServer

pytestmark = pytest.mark.timeout(60)
WORD = "correct horse 'battery' $taple"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "sudo.password"
    path.write_text(f"{WORD}\n")
    path.chmod(0o600)
    return path


def test_root_s_commands_go_through_sudo_that_asks_for_nothing(
    server: SshServer, connection: SshConnection
) -> None:
    finished = connection.run(Command("echo $FAKE_SUDO; cat", b"in"))
    assert finished.stdout == "\nin", "the fake takes its variable away"
    assert "exec sudo -n -- sh -c" in server.commands[0]


def test_root_itself_needs_none(server: SshServer, connect: Connect) -> None:
    server.sudo("refuses")
    assert connect(user="root").run(Command("true")).exit_status == 0
    assert "sudo -n" not in server.commands[0]


@pytest.mark.parametrize("stdin", [b"", b"one\ntwo\n", b"x" * (3 << 20)])
@pytest.mark.parametrize("sudo", [f"password:{WORD}", "free"])
def test_the_password_is_given_where_sudo_asks_and_never_to_the_command(
    server: SshServer, connect: Connect, password_file: Path, sudo: str, stdin: bytes
) -> None:
    server.sudo(sudo)
    lines: list[str] = []
    connection = connect(sudo_password_file=password_file)
    finished = connection.run(Command("cat; echo; echo done >&2; exit 3", stdin), lines.append)
    assert finished.stdout == f"{stdin.decode()}\n"
    assert (finished.exit_status, finished.stderr) == (3, "done\n")
    assert "done" in lines
    assert WORD not in "".join(lines)


def test_a_password_that_is_wanted_and_not_given_is_a_refusal(
    server: SshServer, connection: SshConnection
) -> None:
    server.sudo(f"password:{WORD}")
    with pytest.raises(SudoRefused, match="web-1: sudo wants a password of ubuntu") as caught:
        connection.run(Command("true", b"not the password\n"))
    assert "ssh.sudo_password_file" in caught.value.hint


def test_a_wrong_password_is_a_refusal_after_one_try(
    server: SshServer, connect: Connect, password_file: Path
) -> None:
    server.sudo("password:another")
    with pytest.raises(SudoRefused) as caught:
        connect(sudo_password_file=password_file).run(Command("true", b"another\n"))
    assert "does not take the password of ubuntu" in caught.value.message
    assert str(password_file) in caught.value.message
    assert WORD not in caught.value.message + caught.value.hint
    wait_until(lambda: server.processes[0].poll() is not None)


def test_who_is_no_sudoer_is_told_so_in_sudo_s_words(
    server: SshServer, connect: Connect, password_file: Path
) -> None:
    server.sudo("refuses")
    for connection in (connect(), connect(sudo_password_file=password_file)):
        with pytest.raises(SudoRefused, match="ubuntu is not in the sudoers file"):
            connection.run(Command("true"))


def test_a_host_without_sudo(server: SshServer, connection: SshConnection) -> None:
    server.login_words = "PATH=/nowhere;"
    with pytest.raises(SudoRefused, match="web-1: there is no sudo"):
        connection.run(Command("true"))


def test_a_command_s_own_failure_is_no_refusal(connection: SshConnection) -> None:
    finished = connection.run(Command("echo a password is required >&2; exit 1"))
    assert (finished.exit_status, finished.stderr) == (1, "a password is required\n")


def test_no_secret_is_in_what_a_shell_was_given(
    server: SshServer, connect: Connect, password_file: Path
) -> None:
    server.sudo(f"password:{WORD}")
    connect(sudo_password_file=password_file).run(Command("cat >/dev/null", b"the secret itself"))
    told = "".join(server.commands)
    assert "cat >/dev/null" in told
    assert WORD not in told
    assert "correct horse" not in told
    assert "the secret itself" not in told


def test_the_password_is_redacted_from_then_on(
    server: SshServer, connect: Connect, password_file: Path
) -> None:
    server.sudo(f"password:{WORD}")
    redactor, lines = Redactor(), []
    connection = connect(redactor, sudo_password_file=password_file)
    connection.run(Command("cat", f"it is {WORD}!\n".encode()), lines.append)
    assert lines == ["it is ***!"]
    assert redactor.text(WORD) == "***"


@pytest.mark.parametrize("spoiled", ["missing", "empty", "open"])
def test_a_password_file_that_cannot_be_used_is_told_before_anything_is_run(
    server: SshServer, connect: Connect, password_file: Path, spoiled: str
) -> None:
    if spoiled == "missing":
        password_file.unlink()
    elif spoiled == "empty":
        password_file.write_text("\n")
    else:
        password_file.chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"ssh\.sudo_password_file"):
        connect(sudo_password_file=password_file).run(Command("true"))
    assert server.commands == []


def test_a_sudo_that_hangs_is_left_in_time(server: SshServer, connection: SshConnection) -> None:
    server.login_words = "sleep 300;"
    with pytest.raises(OutcomeUnknown, match=r"had not begun this after 1 s: true") as caught:
        connection.run(Command("true", timeout=1.0))
    assert "cannot resolve its own name" in caught.value.hint


def test_a_command_of_root_s_that_takes_too_long_is_ended_by_root(
    server: SshServer, connect: Connect, password_file: Path, tmp_path: Path
) -> None:
    server.sudo(f"password:{WORD}")
    pid = tmp_path / "pid"
    with pytest.raises(OutcomeUnknown):
        connect(sudo_password_file=password_file).run(
            Command(f"echo $$ >{pid}; sleep 300; true", timeout=3.0)
        )
    wait_until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())
    assert all("sudo -k -S" in command for command in server.commands)
