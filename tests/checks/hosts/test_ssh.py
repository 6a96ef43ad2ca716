"""Hosts over SSH: reached, refused, frozen; the others are looked at all the same."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.checks.check import Check, Verdict
from sophia_cli.checks.hosts import CHECKS
from sophia_cli.checks.hosts.reach import Reach
from sophia_cli.checks.scene import Scene
from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.connection.known_hosts import KnownHosts
from sophia_cli.ops.connection.pool import HostConnections
from sophia_cli.ops.errors import HostUnreachable
from tests.checks.cluster_scene import findings_of, scene_of
from tests.ops.connection.conftest import HOST, any_connection, inventory_of, openssh
from tests.ops.connection.server import SshServer, serving
from tests.ops.connection.showing import SSHD, private_key, public

pytestmark = pytest.mark.timeout(60)
__all__ = ["any_connection"]
# That need no tool which this machine may not have.
EVERYWHERE = ("HO-01", "HO-02", "HO-03", "HO-04", "HO-06", "HO-07")


@contextlib.contextmanager
def run(folder: Path, servers: dict[str, SshServer], **ssh: Any) -> Iterator[Scene]:
    """A run of doctor whose hosts are these servers."""
    first = next(iter(servers.values()))
    pinned = folder / "known_hosts"
    pinned.write_text("".join(each.known_hosts_file.read_text() for each in servers.values()))
    text = {
        "ssh": {"key_file": str(first.key_file), "known_hosts_file": str(pinned), **ssh},
        "hosts": {
            name: {
                "address": "127.0.0.1",
                "private_address": f"127.0.1.{number}",
                "port": server.port,
                "roles": ["monitoring"],
                "key_file": str(server.key_file),
            }
            for number, (name, server) in enumerate(servers.items(), 1)
        },
    }
    with scene_of(folder, json.dumps(text)) as scene:
        yield scene


def found(scene: Scene, number: str) -> dict[str, str]:
    """By host, what a check comes to."""
    (check,) = [check for check in CHECKS if check.number == number]
    return {each.subject: each.verdict.value for each in findings_of(scene, check)}


def said(scene: Scene, number: str) -> str:
    (check,) = [check for check in CHECKS if check.number == number]
    return "\n".join(f"{each.subject}: {each.says}" for each in findings_of(scene, check))


def command_of(scene: Scene, number: str, host: str) -> str:
    """What mends what a check found of a host."""
    (check,) = [check for check in CHECKS if check.number == number]
    (found,) = [each for each in findings_of(scene, check) if each.subject == host]
    return found.command


@pytest.fixture
def two(tmp_path: Path) -> Iterator[dict[str, SshServer]]:
    with serving(tmp_path / "one") as one, serving(tmp_path / "two") as other:
        yield {"one": one, "two": other}


def test_hosts_that_are_reached_are_asked_in_one_round_trip_each(
    tmp_path: Path, two: dict[str, SshServer]
) -> None:
    with run(tmp_path, two) as scene:
        for number in EVERYWHERE:
            verdicts = found(scene, number)
            assert set(verdicts) == {"one", "two"}
            if number in ("HO-01", "HO-02", "HO-03", "HO-04"):
                assert set(verdicts.values()) == {"pass"}, said(scene, number)
        for check in CHECKS:
            findings_of(scene, check)
    for server in two.values():
        # One opens the connection, one asks everything.
        assert len(server.commands) == 2


def test_a_frozen_host_is_given_up_and_the_others_are_looked_at(
    tmp_path: Path, two: dict[str, SshServer]
) -> None:
    two["two"].faults.before_banner = True
    with run(tmp_path, two, connect_timeout="60s") as scene:
        assert found(scene, "HO-01") == {"one": "pass", "two": "fail"}
        assert "does not let us in within 5 s" in said(scene, "HO-01")
        for number in EVERYWHERE[1:]:
            verdicts = found(scene, number)
            assert verdicts.pop("two") == "unknown"
            assert verdicts["one"] != "unknown"
        two["two"].drop()  # nobody waits for the one that is still connecting


def test_a_host_that_freezes_once_it_has_let_us_in(
    tmp_path: Path, two: dict[str, SshServer]
) -> None:
    with run(tmp_path, two, lost_after="60s") as scene:
        from sophia_cli.checks.hosts.reach import reached_site

        site = reached_site(scene)
        with site.connections.to("two"):
            two["two"].freeze()
        assert found(scene, "HO-01") == {"one": "pass", "two": "fail"}
        assert "two: does not tell within 5 s" in said(scene, "HO-01")
        assert found(scene, "HO-06")["one"] != "unknown"
        two["two"].drop()


def test_a_changed_key_is_refused_before_anything_is_told(
    tmp_path: Path, two: dict[str, SshServer]
) -> None:
    with run(tmp_path, two) as scene:
        file = KnownHosts(tmp_path / "known_hosts")
        port = two["two"].port
        file.pin("127.0.0.1", port, public(private_key("ed25519")), replace=True)
        assert found(scene, "HO-01") == {"one": "pass", "two": "pass"}
        assert found(scene, "HO-02") == {"one": "pass", "two": "fail"}
        assert "sophia hosts trust two --replace" in command_of(scene, "HO-02", "two")
        assert found(scene, "HO-03") == {"one": "pass", "two": "unknown"}
        assert two["two"].commands == []
    with run(tmp_path, two) as scene:
        assert found(scene, "HO-02") == {"one": "pass", "two": "pass"}


def test_sudo_is_refused_and_what_needs_none_is_known_all_the_same(
    tmp_path: Path, two: dict[str, SshServer]
) -> None:
    two["two"].sudo("refuses")
    with run(tmp_path, two) as scene:
        assert found(scene, "HO-03") == {"one": "pass", "two": "fail"}
        assert found(scene, "HO-01") == {"one": "pass", "two": "pass"}
        assert found(scene, "HO-04") == {"one": "pass", "two": "pass"}
        assert found(scene, "HO-16")["two"] == "unknown"
    two["two"].sudo("free")
    with run(tmp_path, two) as scene:
        assert found(scene, "HO-03") == {"one": "pass", "two": "pass"}


def test_nobody_listens_where_a_host_should_be(tmp_path: Path, two: dict[str, SshServer]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        two["two"].port = free.getsockname()[1]
    with run(tmp_path, two) as scene:
        assert found(scene, "HO-01") == {"one": "pass", "two": "fail"}
        assert "connection refused" in said(scene, "HO-01")


def test_a_host_that_failed_fails_at_once_the_next_time(server_down: HostConnections) -> None:
    reach = Reach(server_down)
    messages = []
    for _ in range(2):
        with pytest.raises(HostUnreachable) as caught, reach.to(HOST):
            pass
        messages.append(caught.value)
    assert messages[0] is messages[1]
    assert reach.error(HOST) is messages[0]


@pytest.fixture
def server_down(tmp_path: Path) -> Iterator[HostConnections]:
    with serving(tmp_path / "server") as server:
        server.faults.refuses = True
        with HostConnections(inventory_of(server)) as connections:
            yield connections


@pytest.mark.skipif(SSHD is None, reason="OpenSSH's server is not installed")
def test_openssh_is_asked_as_well(tmp_path: Path) -> None:
    with openssh(tmp_path / "sshd") as inventory:
        text = inventory.model_dump(mode="json", exclude_defaults=True)
        text["hosts"][HOST]["roles"] = ["monitoring"]
        with scene_of(tmp_path, json.dumps(text)) as scene:
            for number in ("HO-01", "HO-02", "HO-03", "HO-04"):
                assert found(scene, number) == {HOST: "pass"}, said(scene, number)


def test_without_hosts_nothing_applies(tmp_path: Path) -> None:
    with scene_of(tmp_path) as scene:
        for check in CHECKS:
            assert [each.verdict for each in findings_of(scene, check)] == [Verdict.SKIPPED]


def test_looking_makes_no_secret(tmp_path: Path, two: dict[str, SshServer]) -> None:
    from sophia_cli.checks.hosts.reach import reached_site

    with run(tmp_path, two) as scene:
        for check in CHECKS:
            findings_of(scene, check)
        with pytest.raises(ConfigurationError, match="does not keep qdrant-api-key"):
            reached_site(scene).secrets.value("qdrant-api-key")
    left = [path for path, _, files in os.walk(tmp_path / "home") if files]
    assert left == []


def _titles(checks: tuple[Check, ...]) -> list[str]:
    return [check.title for check in checks]


def test_every_check_says_what_it_means_and_what_mends_it() -> None:
    assert len(set(_titles(CHECKS))) == len(CHECKS)
    assert all(check.meaning.endswith(".") and check.mend for check in CHECKS)
