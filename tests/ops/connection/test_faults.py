"""What can be wrong with a host, each told as what it is, and before pytest's own time is over."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

import paramiko
import pytest

from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.connection.liveness import WatchedSocket
from sophia_cli.ops.connection.pool import HostConnections
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.connection.ssh import SshConnection
from sophia_cli.ops.errors import HostKeyRefused, HostUnreachable, OutcomeUnknown
from sophia_cli.ops.inventory.model import Inventory
from tests.conftest import wait_until
from tests.ops.connection.conftest import HOST, Connect, inventory_of
from tests.ops.connection.server import SshServer, serving
from tests.ops.connection.showing import private_key

pytestmark = pytest.mark.timeout(30)
TRUE = Command("true", sudo=False)
SLEEP = Command("echo begun; sleep 300", sudo=False)


def fault_of(connection: SshConnection) -> HostUnreachable:
    with pytest.raises(HostUnreachable) as caught:
        connection.run(TRUE)
    assert caught.value.message.startswith(HOST)
    assert caught.value.hint
    return caught.value


def test_nobody_listens(server: SshServer, connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    fault = fault_of(connect(port=port))
    assert fault.message == f"web-1 (127.0.0.1:{port}): connection refused"


def test_a_name_that_nobody_knows(server: SshServer) -> None:
    inventory = inventory_of(server).model_dump()
    inventory["hosts"][HOST]["address"] = "no-such-host.invalid"
    with (
        HostConnections(Inventory.model_validate(inventory)) as connections,
        connections.to(HOST) as connection,
        pytest.raises(HostUnreachable, match="there is no such name"),
    ):
        connection.run(TRUE)


def test_frozen_before_its_greeting(server: SshServer, connect: Connect) -> None:
    server.faults.before_banner = True
    fault = fault_of(connect(connect_timeout="1s"))
    assert "does not answer with a greeting within 1 s" in fault.message
    assert "frozen" in fault.hint


def test_frozen_at_the_login(server: SshServer, connect: Connect) -> None:
    server.faults.at_login = True
    fault = fault_of(connect(connect_timeout="3s"))
    assert "does not answer to the login within 3 s" in fault.message


@contextlib.contextmanager
def saying(words: bytes, *, end: bool) -> object:
    """A server that says these words to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.sendall(words)
                    if end:
                        connection.close()
                    else:
                        kept.append(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        for each in kept:
            each.close()


@pytest.mark.parametrize(
    ("words", "end", "told"),
    [
        (b"", True, "ended the connection without a greeting"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", True, "ended the connection without a greeting"),
        (b"SSH-2.0-Frozen\r\n", False, "does not answer after its greeting within 1 s"),
        (b"SSH-2.0-Leaving\r\n", True, "ended the connection before the login"),
    ],
)
def test_what_is_no_ssh_server_to_log_in_to(
    connect: Connect, words: bytes, end: bool, told: str
) -> None:
    with saying(words, end=end) as port:
        assert told in fault_of(connect(port=port, connect_timeout="1s")).message


def test_a_key_that_is_not_let_in_is_named_with_its_user(
    server: SshServer, connection: SshConnection
) -> None:
    server.faults.refuses = True
    fault = fault_of(connection)
    assert f"does not let ubuntu in with the key {server.key_file}" in fault.message
    assert f"put {server.key_file}.pub into ~ubuntu/.ssh/authorized_keys" in fault.hint


def test_after_a_refusal_it_is_tried_anew(server: SshServer, connection: SshConnection) -> None:
    server.faults.refuses = True
    fault_of(connection)
    server.faults.refuses = False
    assert connection.run(TRUE).exit_status == 0


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda key: key.unlink(), "no such file"),
        (lambda key: key.chmod(0o640), "others may open it"),
        (lambda key: key.write_text("ssh-ed25519 AAAA"), "is no private key"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_reported_before_anything_is_sent(
    server: SshServer, connection: SshConnection, spoil: object, told: str
) -> None:
    spoil(server.key_file)  # type: ignore[operator]
    with pytest.raises(ConfigurationError, match=told) as caught:
        connection.run(TRUE)
    assert str(server.key_file) in caught.value.message
    assert caught.value.hint
    assert server.opened() == 0


def begun(connection: SshConnection, command: Command = SLEEP) -> tuple[threading.Thread, list]:
    """Runs a command in a thread until its first line has come; its error ends up in the list."""
    errors: list[BaseException] = []
    line = threading.Event()

    def run() -> None:
        try:
            connection.run(command, lambda _: line.set())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert line.wait(20)
    return thread, errors


def test_a_connection_that_ends_in_the_middle_leaves_the_outcome_unknown(
    server: SshServer, connection: SshConnection
) -> None:
    thread, errors = begun(connection)
    server.drop()
    thread.join(20)
    (error,) = errors
    assert isinstance(error, OutcomeUnknown)
    assert error.message == ("web-1: the connection was lost while this ran: echo begun; sleep 300")
    assert server.processes[0].poll() is None, "the command goes on, as with a real sshd"


def test_after_a_loss_the_next_call_connects_again(
    server: SshServer, connection: SshConnection
) -> None:
    thread, _ = begun(connection)
    server.drop()
    thread.join(20)
    assert connection.run(TRUE).exit_status == 0
    assert len(server.logins) == 2


def test_a_loss_that_nobody_noticed_yet_costs_no_call(
    server: SshServer, connection: SshConnection
) -> None:
    for _ in range(5):
        assert connection.run(TRUE).exit_status == 0
        server.drop()
    assert connection.run(TRUE).exit_status == 0


def test_a_host_that_falls_silent_in_the_middle_counts_as_lost(
    server: SshServer, connect: Connect
) -> None:
    connection = connect(lost_after="2s")
    threads = [begun(connection) for _ in range(3)]
    server.freeze()
    for thread, errors in threads:
        thread.join(20)
        assert [type(error) for error in errors] == [OutcomeUnknown]


def test_a_host_that_falls_silent_while_it_is_sent_megabytes_counts_as_lost(
    server: SshServer, connect: Connect
) -> None:
    connection = connect(lost_after="2s")
    thread, errors = begun(
        connection, Command("echo begun; sleep 2; cat", b"x" * (64 << 20), sudo=False)
    )
    server.freeze()
    thread.join(25)
    assert [type(error) for error in errors] == [OutcomeUnknown]


def test_a_host_that_is_only_quiet_does_not(server: SshServer, connect: Connect) -> None:
    connection = connect(lost_after="2s")
    assert connection.run(Command("sleep 5; echo still here", sudo=False)).stdout == "still here\n"
    assert len(server.logins) == 1


def test_a_host_that_froze_meanwhile_was_not_asked(server: SshServer, connect: Connect) -> None:
    connection = connect(lost_after="2s", connect_timeout="3s")
    assert connection.run(TRUE).exit_status == 0
    server.freeze()
    server.faults.before_banner = True
    assert "greeting" in fault_of(connection).message


def test_a_closed_connection_stays_closed(connection: SshConnection) -> None:
    connection.run(TRUE)
    connection.close()
    connection.close()
    with pytest.raises(HostUnreachable, match="closed here"):
        connection.run(TRUE)


def test_behind_a_bastion_silence_is_noticed_all_the_same(
    server: SshServer, tmp_path: Path
) -> None:
    with serving(tmp_path / "bastion") as bastion:
        # Long enough for the bastion, which is alive, to say so on a busy machine.
        inventory = behind(bastion, server, lost_after="5s")
        with HostConnections(inventory) as connections, connections.to(HOST) as connection:
            assert isinstance(connection, SshConnection)
            thread, errors = begun(connection)
            server.freeze()
            thread.join(30)
            assert [type(error) for error in errors] == [OutcomeUnknown]
            wait_until(lambda: bastion.opened() == 1)


def test_a_channel_of_a_bastion_that_is_gone_is_closed_without_a_word(server: SshServer) -> None:
    with paramiko.Transport(("127.0.0.1", server.port)) as bastion:
        bastion.connect(username="ubuntu", pkey=server.user_key)
        channel = WatchedSocket(bastion.open_session())
        bastion.packetizer.close()  # as when the connection breaks below it
        channel.close()


def behind(bastion: SshServer, server: SshServer, **ssh: object) -> Inventory:
    """An inventory whose host is reached through a bastion; both keys are pinned in one file."""
    known = server.folder / "both"
    known.write_text(bastion.known_hosts_file.read_text() + server.known_hosts_file.read_text())
    return inventory_of(
        server,
        known_hosts_file=known,
        bastion={
            "address": "127.0.0.1",
            "port": bastion.port,
            "user": "jump",
            "key_file": bastion.key_file,
        },
        **ssh,
    )


def test_through_a_bastion(server: SshServer, tmp_path: Path) -> None:
    with serving(tmp_path / "bastion") as bastion:
        inventory = behind(bastion, server)
        with HostConnections(inventory) as connections, connections.to(HOST) as connection:
            data = b"x" * (4 << 20)
            assert connection.run(Command("wc -c", data, sudo=False)).stdout.split() == ["4194304"]
        assert (bastion.logins, server.logins) == (["jump"], ["ubuntu"])
        assert bastion.commands == []


def test_faults_of_a_bastion_are_told_as_its(server: SshServer, tmp_path: Path) -> None:
    with (
        serving(tmp_path / "bastion") as bastion,
        HostConnections(behind(bastion, server)) as connections,
        connections.to(HOST) as connection,
    ):
        bastion.faults.refuses = True
        with pytest.raises(HostUnreachable, match=r"web-1 .*: by way of bastion .*jump"):
            connection.run(TRUE)
        bastion.faults.refuses = False
        bastion.faults.no_forwarding = True
        with pytest.raises(HostUnreachable, match=r"web-1 .*: the bastion does not reach"):
            connection.run(TRUE)
        bastion.faults.no_forwarding = False
        bastion.host_key = private_key("ed25519")
        bastion.drop()
        with pytest.raises(HostKeyRefused, match=r"web-1: bastion .*another than the pinned"):
            connection.run(TRUE)
        assert server.logins == []
