"""`sophia hosts` and `sophia hosts trust`, before real SSH servers on this machine."""

from __future__ import annotations

import contextlib
import getpass
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home
from sophia_cli.ops.connection.known_hosts import HostKey, KnownHosts
from tests.commands.console import Console
from tests.ops.connection.server import SshServer, serving
from tests.ops.connection.showing import (
    SSHD,
    new_key,
    private_key,
    public,
    showing,
    shown_by_sshd,
    sshd,
)

needs_sshd = pytest.mark.skipif(SSHD is None, reason="OpenSSH's server is not installed")

Hosts = dict[str, dict[str, Any]]


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """A user with a home of their own; there is no memory that could be asked."""
    service: Any = None
    return Console(service, Home(tmp_path / "data"), tmp_path, variables={"HOME": str(tmp_path)})


@pytest.fixture
def known(tmp_path: Path) -> KnownHosts:
    """What the inventory of `inventory` names."""
    return KnownHosts(tmp_path / "known_hosts")


@pytest.fixture
def inventory(tmp_path: Path) -> Callable[..., None]:
    """Writes the inventory that the commands read."""

    def write(hosts: Hosts, **ssh: Any) -> None:
        path = tmp_path / ".config" / "sophia" / "sophia.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        usual = {"known_hosts_file": str(tmp_path / "known_hosts"), "connect_timeout": "5s"}
        # Each with a private address of its own: all are this machine.
        for number, host in enumerate(hosts.values()):
            host.setdefault("roles", ["monitoring"])
            host.setdefault("private_address", f"192.0.2.{number + 11}")
        path.write_text(yaml.safe_dump({"ssh": {**usual, **ssh}, "hosts": hosts}, sort_keys=False))

    return write


def at(port: int, **more: Any) -> dict[str, Any]:
    return {"address": "127.0.0.1", "port": port, **more}


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextlib.contextmanager
def openssh(folder: Path, *lines: str) -> Iterator[int]:
    """OpenSSH's server that lets the user who runs the tests in with the key `id`."""
    folder.mkdir(mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "id"], check=True)
    authorized = f"AuthorizedKeysFile {folder / 'id'}.pub"
    more = (authorized, "PermitRootLogin yes", f"SetEnv HOME={folder}", *lines)
    with sshd(folder, ["ed25519"], *more) as port:
        yield port


# The keys: `hosts trust`


def test_a_key_is_shown_and_pinned_once_it_is_agreed_to(
    console: Console, inventory: Callable[..., None], known: KnownHosts
) -> None:
    key = private_key("ed25519")
    with showing(key) as port:
        inventory({"a": at(port)})
        ended = console("hosts", "trust", terminal=True, stdin=b"y\n")
    assert ended.status is ExitStatus.OK, ended
    assert f"a (127.0.0.1:{port}): ssh-ed25519 {public(key).fingerprint} unknown" in ended.out
    assert "a: pinned" in ended.err
    assert known.keys_for("127.0.0.1", port) == (public(key),)
    assert known.path.read_text().startswith(f"[127.0.0.1]:{port} ssh-ed25519 ")
    assert known.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b""])
def test_whoever_does_not_agree_pins_nothing(
    console: Console, inventory: Callable[..., None], known: KnownHosts, answer: bytes
) -> None:
    with showing(private_key("ed25519")) as port:
        inventory({"a": at(port)})
        ended = console("hosts", "trust", terminal=True, stdin=answer)
    assert ended.status is ExitStatus.REFUSED
    assert "nothing was pinned" in ended.err
    assert not known.path.exists()


def test_without_a_terminal_yes_or_the_fingerprint_is_needed(
    console: Console, inventory: Callable[..., None], known: KnownHosts
) -> None:
    one, two = private_key("ed25519"), private_key("rsa")
    with showing(one) as first, showing(two) as second:
        inventory({"a": at(first), "b": at(second)})
        refused = console("hosts", "trust")
        assert refused.status is ExitStatus.REFUSED
        assert public(one).fingerprint in refused.err and "--yes" in refused.err
        assert not known.path.exists()
        half = console("hosts", "trust", "--fingerprint", f"a={public(one).fingerprint}")
        assert half.status is ExitStatus.REFUSED and not known.path.exists()
        vouched = console.data(
            "hosts", "trust", "a", "--fingerprint", f"a={public(one).fingerprint}"
        )
        assert [(row["name"], row["state"]) for row in vouched] == [("a", "pinned")]
        assert [row["state"] for row in console.data("hosts", "trust", "--yes")] == [
            "trusted",
            "pinned",
        ]
        assert known.keys_for("127.0.0.1", second) == (public(two),)
        before = known.path.read_bytes()
        assert "trusted already" in console.ok("hosts", "trust").err
        assert known.path.read_bytes() == before


def test_a_key_with_another_fingerprint_than_the_given_one_is_refused(
    console: Console, inventory: Callable[..., None], known: KnownHosts
) -> None:
    with showing(private_key("ed25519")) as port:
        inventory({"a": at(port)})
        wrong = new_key("ed25519").fingerprint
        ended = console("hosts", "trust", "--yes", "--fingerprint", f"a={wrong}")
    assert ended.status is ExitStatus.REFUSED
    assert "not the fingerprint that you gave" in ended.err
    assert not known.path.exists()


@pytest.mark.parametrize("old_kind", ["ed25519", "ecdsa"])
def test_a_changed_key_is_shown_old_against_new_and_replaced_only_on_demand(
    console: Console, inventory: Callable[..., None], known: KnownHosts, old_kind: str
) -> None:
    key, old, other = private_key("ed25519"), new_key(old_kind), private_key("ed25519")
    with showing(key) as port, showing(other) as second:
        inventory({"a": at(port), "b": at(second)})
        known.pin("127.0.0.1", port, old)
        refused = console("hosts", "trust", "--yes")
        assert refused.status is ExitStatus.REFUSED
        assert f"pinned: {old.kind} {old.fingerprint}" in refused.out
        assert f"shown:  ssh-ed25519 {public(key).fingerprint}" in refused.out
        assert "its key has changed" in refused.err and "--replace" in refused.err
        assert known.keys_for("127.0.0.1", port) == (old,)
        assert known.keys_for("127.0.0.1", second) == (public(other),)  # no fault of its own
        replaced = console.data("hosts", "trust", "a", "--yes", "--replace")
        assert (replaced[0]["state"], replaced[0]["before"]) == ("replaced", [old.fingerprint])
        assert known.keys_for("127.0.0.1", port) == (public(key),)


def test_a_revoked_key_is_refused(
    console: Console, inventory: Callable[..., None], known: KnownHosts
) -> None:
    key = private_key("ed25519")
    with showing(key) as port:
        inventory({"a": at(port)})
        known.path.write_text(f"@revoked * {public(key).kind} {public(key).base64}\n")
        ended = console("hosts", "trust", "--yes", "--replace")
    assert ended.status is ExitStatus.REFUSED
    assert "revokes the key" in ended.err
    assert known.keys_for("127.0.0.1", port) == ()


def test_a_host_that_is_away_does_not_keep_the_others_from_being_pinned(
    console: Console, inventory: Callable[..., None], known: KnownHosts
) -> None:
    key, away = private_key("ed25519"), closed_port()
    with showing(key) as port:
        inventory({"away": at(away), "a": at(port)})
        ended = console("--json", "hosts", "trust", "--yes")
    assert ended.status is ExitStatus.UNREACHABLE
    assert [row["state"] for row in ended.data] == ["unreachable", "pinned"]
    assert ended.data[0]["error"]["message"] == f"away (127.0.0.1:{away}): connection refused"
    assert known.keys_for("127.0.0.1", port) == (public(key),)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("nobody",), ExitStatus.FAILED, "no host is called nobody"),
        (("bastion",), ExitStatus.FAILED, "no host is called bastion"),
        (("--fingerprint", "a=MD5:00"), ExitStatus.USAGE, "NAME=SHA256: and 43 characters"),
        (("--fingerprint", "b=SHA256:" + "x" * 43), ExitStatus.USAGE, "'b', which is not looked"),
    ],
)
def test_what_makes_no_sense_is_said_before_anybody_is_asked(
    console: Console,
    inventory: Callable[..., None],
    arguments: Sequence[str],
    status: ExitStatus,
    said: str,
) -> None:
    inventory({"a": {"address": "192.0.2.11"}})
    ended = console("hosts", "trust", *arguments)
    assert (ended.status, said in ended.err) == (status, True), ended


@needs_sshd
def test_the_bastion_comes_first_and_the_others_through_it(
    console: Console, inventory: Callable[..., None], known: KnownHosts, tmp_path: Path
) -> None:
    behind = private_key("ed25519")
    folder = tmp_path / "sshd"
    with showing(behind) as port, openssh(folder, f"PermitOpen 127.0.0.1:{port}") as bastion:
        inventory(
            {"a": at(port)},
            key_file=str(folder / "id"),
            bastion={"address": "127.0.0.1", "port": bastion, "user": getpass.getuser()},
        )
        unknown = console("hosts", "trust", terminal=True, stdin=b"n\n")
        assert unknown.status is ExitStatus.REFUSED
        assert "bastion (127.0.0.1" in unknown.out and "a (127.0.0.1" not in unknown.out
        rows = console.data("hosts", "trust", "--yes")
        assert [(row["name"], row["state"]) for row in rows] == [
            ("bastion", "pinned"),
            ("a", "pinned"),
        ]
        assert known.keys_for("127.0.0.1", bastion) == (shown_by_sshd(folder, "ed25519"),)
        assert known.keys_for("127.0.0.1", port) == (public(behind),)
        assert [row["name"] for row in console.data("hosts", "trust", "bastion")] == ["bastion"]
        # A bastion with another key is not gone through.
        known.pin("127.0.0.1", bastion, new_key("ed25519"), replace=True)
        changed = console("hosts", "trust", "--yes")
        assert changed.status is ExitStatus.REFUSED
        assert "the hosts behind the bastion were not looked at" in changed.err


# The hosts: `hosts`


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with serving(tmp_path / "server") as running:
        yield running


def pinned(known: KnownHosts, port: int, key: HostKey) -> None:
    known.pin("127.0.0.1", port, key)


def test_each_host_is_shown_with_what_it_is_and_what_is_wrong_with_it(
    console: Console, inventory: Callable[..., None], known: KnownHosts, server: SshServer
) -> None:
    away = closed_port()
    with showing(private_key("ed25519")) as new, showing(private_key("ed25519")) as changed:
        inventory(
            {
                "good": at(server.port, labels=["blue"]),
                "new": at(new),
                "changed": at(changed),
                "away": at(away),
            },
            key_file=str(server.key_file),
        )
        pinned(known, server.port, public(server.host_key))
        pinned(known, changed, new_key("ed25519"))
        ended = console("--json", "hosts")
        table = console("hosts")
        only = console("hosts", "--on", "blue")
    assert ended.status is ExitStatus.UNREACHABLE
    good, unknown, other, gone = ended.data
    assert [row["key"] for row in ended.data] == ["trusted", "unknown", "changed", None]
    assert [row["reachable"] for row in ended.data] == [True, True, True, False]
    assert good["cpus"] > 0 and good["memory_bytes"] > 1 << 20 and good["error"] is None
    assert 0 < good["disk_free_bytes"] <= good["disk_total_bytes"]
    assert unknown["cpus"] is None
    assert "sophia hosts trust new" in unknown["error"]["hint"]
    assert "another than the pinned" in other["error"]["message"]
    assert "connection refused" in gone["error"]["message"]
    assert table.status is ExitStatus.UNREACHABLE
    assert [line.split()[0] for line in table.out.splitlines()] == [
        *("name", "good", "new", "changed", "away")
    ]
    assert table.err.count("degraded: ") == 3
    assert only.status is ExitStatus.OK
    assert "away" not in only.out


def test_nobody_is_logged_in_to_whose_key_is_not_trusted(
    console: Console, inventory: Callable[..., None], server: SshServer
) -> None:
    inventory({"a": at(server.port)}, key_file=str(server.key_file))
    ended = console("hosts")
    assert ended.status is ExitStatus.REFUSED
    assert (server.logins, server.commands) == ([], [])


def test_a_host_that_does_not_let_us_in_is_not_reachable(
    console: Console, inventory: Callable[..., None], known: KnownHosts, server: SshServer
) -> None:
    server.faults.refuses = True
    inventory({"a": at(server.port)}, key_file=str(server.key_file))
    pinned(known, server.port, public(server.host_key))
    ended = console("--json", "hosts")
    assert ended.status is ExitStatus.UNREACHABLE
    assert (ended.data[0]["key"], ended.data[0]["reachable"]) == ("trusted", False)


@needs_sshd
def test_openssh_is_looked_at_and_trusted_end_to_end(
    console: Console, inventory: Callable[..., None], tmp_path: Path
) -> None:
    folder = tmp_path / "sshd"
    with openssh(folder) as port:
        inventory({"a": at(port)}, key_file=str(folder / "id"), user=getpass.getuser())
        assert console("hosts").status is ExitStatus.REFUSED
        fingerprint = shown_by_sshd(folder, "ed25519").fingerprint
        console.ok("hosts", "trust", "--fingerprint", f"a={fingerprint}")
        row = console("--json", "hosts").data[0]
    assert (row["key"], row["reachable"]) == ("trusted", True)


def test_without_an_inventory_the_next_step_is_init(console: Console) -> None:
    for arguments in (["hosts"], ["hosts", "trust"]):
        ended = console(*arguments)
        assert ended.status is ExitStatus.USAGE
        assert "sophia init" in ended.err
