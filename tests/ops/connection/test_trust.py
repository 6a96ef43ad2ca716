"""Whether a host is the one we know: nobody logs in where it is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import paramiko
import pytest

from sophia_cli.ops.connection.known_hosts import KnownHosts
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.connection.ssh import SshConnection
from sophia_cli.ops.errors import HostKeyRefused
from tests.conftest import wait_until
from tests.ops.connection.conftest import HOST, Connect
from tests.ops.connection.server import SshServer, serving
from tests.ops.connection.showing import new_key, private_key, public

TRUE = Command("true", sudo=False)


def refused(connection: SshConnection) -> HostKeyRefused:
    with pytest.raises(HostKeyRefused) as caught:
        connection.run(TRUE)
    return caught.value


def test_a_key_that_nobody_pinned_is_refused(server: SshServer, connection: SshConnection) -> None:
    server.known_hosts_file.unlink()
    error = refused(connection)
    assert public(server.host_key).fingerprint in error.message
    assert f"not pinned in {server.known_hosts_file}" in error.message
    assert f"sophia hosts trust {HOST}`" in error.hint
    assert server.logins == []


def test_a_key_pinned_for_another_port_is_none(
    server: SshServer, connection: SshConnection
) -> None:
    server.known_hosts_file.unlink()
    KnownHosts(server.known_hosts_file).pin("127.0.0.1", 22, public(server.host_key))
    assert "not pinned" in refused(connection).message


def test_a_changed_key_is_refused_with_both_fingerprints(
    server: SshServer, connection: SshConnection
) -> None:
    before, server.host_key = server.host_key, private_key("ed25519")
    error = refused(connection)
    assert public(before).fingerprint in error.message
    assert public(server.host_key).fingerprint in error.message
    assert "in between" in error.message
    assert "installed anew" in error.message
    assert f"sophia hosts trust {HOST} --replace" in error.hint
    assert server.logins == []


def test_a_key_that_changes_while_we_are_connected_is_noticed_at_the_next_connection(
    server: SshServer, connection: SshConnection
) -> None:
    assert connection.run(TRUE).exit_status == 0
    server.host_key = private_key("ed25519")
    server.drop()
    refused(connection)


def test_another_kind_of_key_than_the_pinned_one_is_a_changed_key(
    server: SshServer, connection: SshConnection
) -> None:
    server.host_key = private_key("ecdsa")
    assert "another than the pinned" in refused(connection).message


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_host_with_more_keys_than_are_pinned_is_trusted_by_the_pinned_one(
    tmp_path: Path, kind: str
) -> None:
    from tests.ops.connection.conftest import inventory_of

    others = [private_key(each) for each in ("rsa", "ecdsa", "ed25519") if each != kind]
    with serving(tmp_path / "server", *others) as server:
        server.host_key = private_key(kind)
        server.known_hosts_file.unlink()
        KnownHosts(server.known_hosts_file).pin("127.0.0.1", server.port, public(server.host_key))
        from sophia_cli.ops.connection.pool import HostConnections

        with (
            HostConnections(inventory_of(server)) as connections,
            connections.to(HOST) as connection,
        ):
            assert connection.run(TRUE).exit_status == 0


def test_one_of_several_pinned_keys_is_enough(server: SshServer, connection: SshConnection) -> None:
    lines = server.known_hosts_file.read_text()
    name = lines.split()[0]
    stale = [new_key("ed25519"), new_key("ecdsa"), new_key("rsa")]
    server.known_hosts_file.write_text(
        "".join(f"{name} {key.kind} {key.base64}\n" for key in stale[1:]) + lines
    )
    assert connection.run(TRUE).exit_status == 0


def test_neither_ssh_config_nor_fabric_s_own_file_has_a_say(
    server: SshServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "config").write_text(
        "Host *\n  User nobody\n  Port 1\n  ProxyCommand false\n  HostName 192.0.2.1\n"
        "  StrictHostKeyChecking no\n"
    )
    (home / ".fabric.yml").write_text("user: nobody\nport: 1\ngateway: nobody@192.0.2.1\n")
    monkeypatch.setenv("HOME", str(home))
    assert connect().run(TRUE).exit_status == 0
    assert server.logins == ["ubuntu"]


def test_without_a_key_file_the_usual_ones_are_offered(
    server: SshServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    server.key_file.rename(home / ".ssh" / "id_ecdsa")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert connect(key_file=None).run(TRUE).exit_status == 0


def test_a_tilde_is_the_user_s_home(
    server: SshServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(server.folder))
    connection = connect(key_file="~/id", known_hosts_file="~/known_hosts")
    assert connection.run(TRUE).exit_status == 0


def test_an_encrypted_key_is_not_asked_about_at_the_terminal(
    server: SshServer, connection: SshConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sophia_cli.errors import ConfigurationError

    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key, passphrase = paramiko.ECDSAKey.generate(), "word"
    key.write_private_key_file(str(server.key_file), password=passphrase)
    with pytest.raises(ConfigurationError, match="is encrypted, and no SSH agent has it") as caught:
        connection.run(TRUE)
    assert f"ssh-add {server.key_file}" in caught.value.hint


def test_the_agent_s_key_stands_in_for_an_encrypted_file_or_for_none(
    server: SshServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("ssh-agent") is None:
        pytest.skip("OpenSSH's agent is not installed")
    agent_socket, passphrase = tmp_path / "agent", "word"
    agent = subprocess.Popen(
        ["ssh-agent", "-D", "-a", agent_socket], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        wait_until(agent_socket.exists)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent_socket))
        monkeypatch.setenv("HOME", str(tmp_path))
        subprocess.run(["ssh-add", "-q", server.key_file], check=True)
        key = public(server.user_key)
        server.key_file.with_name("id.pub").write_text(f"{key.kind} {key.base64} me\n")
        server.user_key.write_private_key_file(str(server.key_file), password=passphrase)
        assert connect().run(TRUE).exit_status == 0
        assert connect(key_file=None).run(TRUE).exit_status == 0
    finally:
        agent.terminate()
        agent.wait(10)
