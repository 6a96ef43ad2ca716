"""The lab's hosts are servers to those who log in."""

from __future__ import annotations

import pytest

from tests.lab.conftest import FULL
from tests.lab.host import SUDO_PASSWORD, Host
from tests.lab.lab import Lab


def test_every_host_is_reached_with_its_key_verified(hosts: tuple[Host, ...]) -> None:
    for host in hosts:
        ended = host.ssh("hostname; systemctl is-system-running --wait; sudo id -un")
        assert (ended.stdout.split(), ended.returncode) == ([host.name, "running", "root"], 0)


def test_a_host_that_changed_its_key_is_refused(lab: Lab, h1: Host) -> None:
    h1.change_host_key()
    refused = h1.ssh("true")
    assert refused.returncode == 255
    assert "Host key verification failed" in refused.stderr
    lab.mend()
    assert h1.ssh("true").returncode == 0


def test_each_host_has_a_key_of_its_own(hosts: tuple[Host, ...]) -> None:
    assert len({host.host_key() for host in hosts}) == len(hosts)


def test_sudo_wants_a_password_once_it_is_told_to(h1: Host) -> None:
    h1.sudo_password(True)
    assert h1.ssh("sudo --non-interactive id -un").returncode != 0
    assert h1.ssh("sudo --stdin id -un", stdin="wrong\n").returncode != 0
    assert h1.ssh("sudo --stdin id -un", stdin=f"{SUDO_PASSWORD}\n").stdout.strip() == "root"
    h1.sudo_password(False)
    assert h1.ssh("sudo --non-interactive id -un").stdout.strip() == "root"


def test_hosts_reach_each_other_and_what_they_fetch_from(hosts: tuple[Host, ...], lab: Lab) -> None:
    for other in (*(host.address for host in hosts), "10.231.7.2", "10.231.7.3"):
        port = {"10.231.7.2": 5000, "10.231.7.3": 8000}.get(other, 22)
        connect = f"timeout 5 bash -c 'exec 3<>/dev/tcp/{other}/{port}'"
        assert hosts[0].ssh(connect).returncode == 0, other


def test_sophia_is_installed_from_the_index_alone(h1: Host) -> None:
    install = "python3 -m venv /tmp/sophia && /tmp/sophia/bin/pip install --quiet"
    ended = h1.ssh(f"{install} --index-url http://10.231.7.3:8000/simple/ sophia-cli", timeout=200)
    assert ended.returncode == 0, ended.stderr
    said = h1.ssh("SOPHIA_HOME=/tmp/home /tmp/sophia/bin/sophia --version")
    assert said.stdout.startswith("sophia "), said.stderr
    # Everything the program imports is there as well, built for the host's own Python.
    tried = h1.ssh("/tmp/sophia/bin/python -c 'import sophia_cli.app, psycopg, qdrant_edge, numpy'")
    assert tried.returncode == 0, tried.stderr


def test_a_host_made_anew_has_nothing_of_the_former_one(lab: Lab, h1: Host) -> None:
    h1.run("sh", "-c", "echo kept >/etc/kept; echo kept >/data/kept; echo kept >/var/lib/kept")
    former = h1.host_key()
    lab.reset(h1)
    assert h1.ssh("ls /etc/kept /data/kept /var/lib/kept").stdout == ""
    assert h1.host_key() != former


@pytest.mark.skipif(not FULL, reason="SOPHIA_TEST_LAB_FULL=1 runs it")
def test_a_bare_host_gets_docker_from_its_package_sources(bare_hosts: tuple[Host, ...]) -> None:
    host = bare_hosts[0]
    assert host.ssh("command -v docker").returncode != 0
    install = "apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io"
    ended = host.ssh(
        f"sudo sh -c '{install}' >/dev/null && sudo docker pull -q redis:7.4.2", timeout=280
    )
    assert ended.returncode == 0, ended.stderr
