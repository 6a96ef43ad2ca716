"""Files on a host: whole or as before, with owner and mode from the first byte."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sophia_cli.ops.connection import shell
from sophia_cli.ops.connection.protocol import RemoteFile
from sophia_cli.ops.connection.ssh import SshConnection
from sophia_cli.ops.errors import CommandFailed, OutcomeUnknown
from tests.conftest import wait_until
from tests.ops.connection.server import SshServer

pytestmark = pytest.mark.timeout(60)
ME = pwd.getpwuid(os.geteuid()).pw_name
MY_GROUP = grp.getgrgid(os.getegid()).gr_name


def file(path: Path, content: bytes = b"content\n", mode: str = "0640") -> RemoteFile:
    """A file that whoever runs the tests may own."""
    return RemoteFile(str(path), content, mode, ME, MY_GROUP, secret=True)


def test_a_file_is_written_with_its_mode(any_connection: SshConnection, tmp_path: Path) -> None:
    path = tmp_path / 'it\'s a "file" $HOME'
    for content in (b"", b"one\n", os.urandom(5 << 20)):
        any_connection.put(file(path, content))
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o7777 == 0o640


def test_a_file_takes_the_place_of_one_that_is_there(
    any_connection: SshConnection, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    path.chmod(0o777)
    before = path.stat().st_ino
    any_connection.put(file(path, mode="0600"))
    assert (path.read_text(), path.stat().st_mode & 0o7777) == ("content\n", 0o600)
    assert path.stat().st_ino != before, "another one took its place in one step"
    assert [each.name for each in tmp_path.glob(".sophia*")] == []


def test_a_link_is_replaced_and_not_followed(connection: SshConnection, tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("before")
    link.symlink_to(target)
    connection.put(file(link))
    assert (target.read_text(), link.read_text()) == ("before", "content\n")


def test_content_and_secrets_are_in_no_command(
    server: SshServer, connection: SshConnection, tmp_path: Path
) -> None:
    connection.put(file(tmp_path / "file", b"the secret itself"))
    assert "the secret" not in "".join(server.commands)


def test_owner_and_mode_are_there_before_the_content(tmp_path: Path) -> None:
    """The script itself, stopped between its first byte and its last."""
    script = shell.put_line(file(tmp_path / "file", b"12", mode="0640"))
    running = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE)
    assert running.stdin
    running.stdin.write(b"1")
    running.stdin.flush()
    wait_until(lambda: [each for each in tmp_path.glob(".sophia.*") if each.stat().st_size == 1])
    (temporary,) = tmp_path.glob(".sophia.*")
    assert temporary.stat().st_mode & 0o7777 == 0o640
    assert not (tmp_path / "file").exists()
    running.stdin.write(b"2")
    running.stdin.close()
    assert running.wait(20) == 0
    assert (tmp_path / "file").read_bytes() == b"12"


def test_a_directory_that_is_missing_is_named(
    any_connection: SshConnection, tmp_path: Path
) -> None:
    path = tmp_path / "missing" / "file"
    with pytest.raises(CommandFailed) as caught:
        any_connection.put(file(path))
    assert caught.value.message == (
        f"web-1: {path} is not written: there is no directory {path.parent}"
    )


def test_a_directory_is_not_replaced(any_connection: SshConnection, tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(CommandFailed, match=r"web-1: .*/file is not written: cannot overwrite"):
        any_connection.put(file(tmp_path / "file"))
    assert [each.name for each in tmp_path.glob(".sophia*")] == []


def test_an_owner_whom_the_host_does_not_know(connection: SshConnection, tmp_path: Path) -> None:
    unknown = RemoteFile(str(tmp_path / "file"), b"", owner="nobody-of-this-name")
    with pytest.raises(CommandFailed, match="is not written: invalid user"):
        connection.put(unknown)
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == []


def test_a_connection_that_is_lost_leaves_the_old_file_whole(
    server: SshServer, connection: SshConnection, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    # What the host has got stays in the pipe until this is gone; then the connection is lost.
    gate = tmp_path / "gate"
    server.login_words = f"while ! [ -e {gate} ]; do sleep 0.02; done;"
    errors: list[BaseException] = []

    def put() -> None:
        try:
            connection.put(file(path, b"x" * (30 << 20)))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=put, daemon=True)
    thread.start()
    wait_until(lambda: server.processes)
    server.drop()
    thread.join(20)
    gate.touch()
    assert [type(error) for error in errors] == [OutcomeUnknown]
    assert f"writing {path}" in str(errors[0])
    assert server.processes[0].wait(20) != 0
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.glob(".sophia*")] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    any_connection: SshConnection, small_disk: Path
) -> None:
    path = small_disk / "file"
    path.write_text("before")
    with pytest.raises(CommandFailed) as caught:
        any_connection.put(file(path, b"x" * (1 << 20)))
    assert f"web-1: {path} is not written: no space left in {small_disk}" in caught.value.message
    assert f"df -h {small_disk}" in caught.value.hint
    assert path.read_text() == "before"
    assert list(small_disk.iterdir()) == [path]
