"""No secret is anywhere but in files that are meant to hold it, which only their owner reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.host import Host
from tests.lab.memory import Memory

_MEANT = "/etc/sophia/"
_SEARCHED = "/etc /opt /root /home /usr/local /tmp /run /var /data"


@pytest.fixture
def values(memory: Memory) -> dict[str, str]:
    """The secrets by name."""
    found = memory.controller.secrets()
    assert {"redis-password", "postgres-password", "qdrant-api-key", "rest-token"} <= found.keys()
    return found


def test_no_process_has_a_secret_among_its_arguments(
    memory: Memory, values: dict[str, str]
) -> None:
    assert len(memory.witness.seen) > 500
    assert memory.witness.mentions("docker run")
    for name, value in values.items():
        assert not memory.witness.mentions(value), name
    # What ended before it could be looked at is not known: it must be little.
    assert memory.witness.missed < len(memory.witness.seen) / 50


def test_no_secret_is_printed_not_even_for_debugging(
    memory: Memory, values: dict[str, str]
) -> None:
    file = memory.controller.root / "found.plan"
    memory.controller.configure(redis={"max_memory": "96mb"})
    said = memory.controller.does("--verbose", "--debug", "plan", "--out", str(file))
    memory.controller.configure()
    printed = [memory.first.out, memory.first.err, said.out, said.err, file.read_text()]
    assert "redis.conf" in said.out
    for name, value in values.items():
        assert not [text for text in printed if value in text], name


def test_the_controller_keeps_secrets_in_their_files_alone(
    memory: Memory, values: dict[str, str]
) -> None:
    secrets = memory.controller.kept / "secrets"
    searched: list[Path] = []
    for path, text in memory.controller.files():
        if path.parent == secrets:
            assert path.stat().st_mode & 0o777 == 0o600
            continue
        searched.append(path)
        for name, value in values.items():
            assert value not in text, f"{name} in {path}"
    assert {"journal.jsonl", "sophia.yaml"} <= {path.name for path in searched}
    assert [path for path in searched if "releases" in path.parts]


def test_hosts_keep_secrets_in_files_that_only_their_owner_reads(
    memory: Memory, values: dict[str, str]
) -> None:
    for host in memory.hosts:
        found = _holding(host, values, f"grep -rlsIFf - {_SEARCHED}").split()
        found += _holding(host, values, "grep -rlsaFf - /var/log /run/log /data").split()
        assert found, "the services have their secrets from somewhere"
        assert [path for path in found if not path.startswith(_MEANT)] == []
        modes = host.run("stat", "--format", "%a", *found).split()
        assert set(modes) <= {"400", "600"}


def test_what_docker_and_systemd_show_holds_no_secret(
    memory: Memory, values: dict[str, str]
) -> None:
    shown = (
        "docker ps --all --quiet | xargs --no-run-if-empty docker inspect",
        "for each in $(docker ps --all --quiet); do docker logs $each 2>&1; done",
        "journalctl --quiet --no-pager --output=export",
        "systemctl show '*' --all --no-pager; systemctl cat '*.service' 2>/dev/null",
        "for each in /proc/[0-9]*; do tr '\\0' ' ' <$each/environ; done 2>/dev/null",
    )
    for host in memory.hosts:
        for command in shown:
            search = f"exec 3<&0; {{ {command}; }} </dev/null | grep -aFf /dev/fd/3"
            said = _holding(host, values, search)
            assert not said, f"{host.name}: {command}"


def _holding(host: Host, values: dict[str, str], command: str) -> str:
    """What a search for the secrets, given by stdin, prints; files that go meanwhile are left."""
    patterns = "".join(f"{value}\n" for value in values.values()).encode()
    return host.run("sh", "-c", f"{command} || [ $? -le 2 ]", stdin=patterns, timeout=120.0)
