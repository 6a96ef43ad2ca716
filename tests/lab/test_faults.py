"""What befalls a host is what befalls a real one, and can be undone."""

from __future__ import annotations

import subprocess

import pytest

from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.waiting import answers, wait_until


def test_a_host_that_is_cut_off_is_silent_until_it_is_healed(hosts: tuple[Host, ...]) -> None:
    cut, other, _ = hosts
    cut.cut()
    assert not answers(cut.address, 22)
    assert answers(other.address, 22, b"SSH-")
    assert cut.ask("true")[0] == 0, "it is cut off, not dead"
    cut.heal()
    wait_until(lambda: answers(cut.address, 22, b"SSH-"), "the link")


def test_a_command_outlives_a_short_cut(h1: Host) -> None:
    with subprocess.Popen(
        ["docker", "exec", h1.container, "sh", "-c", "sleep 2; echo done >/tmp/done"]
    ) as command:
        h1.cut()
        h1.heal()
        assert command.wait(60) == 0
    wait_until(lambda: h1.ssh("cat /tmp/done").stdout == "done\n", "the link")


def test_a_frozen_host_takes_connections_and_says_nothing(h1: Host) -> None:
    h1.freeze()
    assert answers(h1.address, 22)
    assert not answers(h1.address, 22, b"SSH-")
    h1.thaw()
    wait_until(lambda: answers(h1.address, 22, b"SSH-"), "its sshd")


def test_a_power_cut_keeps_the_disks_and_the_host_key_and_starts_containers(h1: Host) -> None:
    start = "docker run --detach --restart always --name lasting redis:7.4.2"
    h1.run("sh", "-c", start, timeout=120)
    h1.run("sh", "-c", "echo kept >/etc/kept; echo kept >/data/kept; echo lost >/run/lost")
    h1.off()
    assert not answers(h1.address, 22)
    h1.on()
    assert h1.ssh("cat /etc/kept /data/kept /run/lost").stdout == "kept\nkept\n"
    running = "docker inspect --format '{{.State.Running}}' lasting"
    wait_until(lambda: h1.ask(running)[1].strip() == "true", "the container")
    h1.run("sh", "-c", "docker rm --force lasting; rm /etc/kept /data/kept")


def test_a_full_disk_takes_nothing_more(h1: Host) -> None:
    h1.fill_disk()
    refused = h1.ssh("echo more | sudo tee /data/more")
    assert "No space left on device" in refused.stderr
    h1.free_disk()
    assert h1.ssh("sudo sh -c 'echo more >/data/more && rm /data/more'").returncode == 0


def test_a_host_without_its_docker_keeps_letting_people_in(h1: Host) -> None:
    h1.stop_docker()
    refused = h1.ssh("sudo docker ps")
    assert refused.returncode != 0
    assert "Cannot connect to the Docker daemon" in refused.stderr
    h1.start_docker()
    assert h1.ssh("sudo docker ps").returncode == 0


def test_a_partition_parts_two_hosts_and_nobody_else(lab: Lab, hosts: tuple[Host, ...]) -> None:
    one, other, third = hosts
    lab.partition(one, other)
    assert not _reaches(one, other)
    assert not _reaches(other, one)
    assert _reaches(one, third)
    assert _reaches(third, other)
    lab.rejoin(one, other)
    assert _reaches(one, other)


@pytest.mark.parametrize("fault", ["cut", "freeze", "off", "stop_docker", "fill_disk"])
def test_mending_undoes_a_fault_that_was_done_twice(lab: Lab, h1: Host, fault: str) -> None:
    getattr(h1, fault)()
    getattr(h1, fault)()
    lab.mend()
    assert h1.ssh("sudo docker ps && sudo touch /data/x && sudo rm /data/x").returncode == 0


def _reaches(one: Host, other: Host) -> bool:
    connect = f"timeout 2 bash -c 'exec 3<>/dev/tcp/{other.address}/22'"
    return one.ask(connect)[0] == 0
