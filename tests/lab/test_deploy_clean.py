"""`sophia clean` on hosts: what it refuses, what it leaves, and that a deployment builds it up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.conftest import FULL
from tests.lab.controller import Controller
from tests.lab.memory import Memory, services_of, state_of

_STRANGER = "docker run --detach --name stranger --restart always redis:7.4.2"


@pytest.fixture
def controller(memory: Memory) -> Iterator[Controller]:
    """The controller, with the first inventory again at the end."""
    yield memory.controller
    memory.controller.configure()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--confirm", "labs"], "is not the name of this cluster"),
        ([], "nobody is there to confirm"),
    ],
)
def test_it_wants_the_cluster_s_name(
    controller: Controller, memory: Memory, words: list[str], says: str
) -> None:
    before = state_of(memory.hosts)
    refused = controller.run("clean", *words)
    assert refused.exit_status == 5, str(refused)
    assert says in refused.err
    assert "nothing was deleted" in refused.err
    assert state_of(memory.hosts) == before


def test_it_deletes_nothing_off_its_list(controller: Controller, memory: Memory) -> None:
    memory.hosts[0].run("mkdir", "-p", "/home/ubuntu/redis")
    controller.configure(redis={"data_dir": "/home/ubuntu/redis"})
    before = state_of(memory.hosts)
    refused = controller.run("clean", "--confirm", "lab")
    assert refused.exit_status == 5, str(refused)
    assert "h1" in refused.err
    assert "/home/ubuntu/redis" in refused.err
    assert state_of(memory.hosts) == before
    memory.hosts[0].run("rmdir", "/home/ubuntu/redis")


def test_without_a_backup_it_deletes_nothing(controller: Controller, memory: Memory) -> None:
    victim = memory.hosts[1]
    before = services_of(memory.hosts)
    victim.run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/var/backups")
    refused = controller.run("clean", "--on", "h2", "--confirm", "lab")
    victim.run("umount", "/var/backups")
    assert refused.exit_status == 1, str(refused)
    assert "no room for the backup" in refused.err
    assert "h2" in refused.err
    assert services_of(memory.hosts) == before
    assert controller.does("plan").out.strip() == "no changes"


@pytest.mark.skipif(not FULL, reason="SOPHIA_TEST_LAB_FULL=1: it deploys all of it anew")
@pytest.mark.timeout(1200)
def test_it_leaves_what_is_not_sophia_s_and_a_deployment_builds_it_up_again(
    controller: Controller, memory: Memory
) -> None:
    h1, h2, h3 = memory.hosts
    h3.run("/opt/sophia/bin/sophia", "remember", "what the backup is to hold", "--user", "ana")
    h1.run("sh", "-c", _STRANGER, timeout=120)
    stranger = h1.containers()["stranger"]
    shown = controller.does("clean", "--dry-run").out
    assert "h1: these stay: stranger" in shown
    cleaned = controller.does("clean", "--confirm", "lab", "--json").data
    assert [each["host"] for each in cleaned] == ["h1", "h2", "h3"]
    assert h1.containers() == {"stranger": stranger}
    assert h2.containers() == h3.containers() == {}
    for host in memory.hosts:
        assert not host.succeeds("ls -d /etc/sophia /data/* /opt/sophia/* 2>/dev/null")
    assert not h3.succeeds("systemctl cat sophia.service")
    backup = next(each["backup"] for each in cleaned if each["host"] == "h2")
    assert h2.succeeds(f"cd {backup} && sha256sum --quiet --check SHA256SUMS")
    assert "sophia.dump" in h2.run("ls", backup)
    h1.run("docker", "rm", "--force", "stranger")
    controller.does("deploy", "--yes")
    assert controller.does("plan").out.strip() == "no changes"
