"""The lab sees whatever is started on a host, and whatever is changed on it."""

from __future__ import annotations

from tests.lab.filesystem import difference, files_of
from tests.lab.host import Host
from tests.lab.witness import watching


def test_processes_that_end_at_once_are_seen_or_counted(hosts: tuple[Host, ...]) -> None:
    h1, h2, _ = hosts
    with watching(h1) as witness:
        h1.run("sh", "-c", "for n in $(seq 300); do /bin/true started-$n-here; done")
        h2.run("sh", "-c", "/bin/true started-elsewhere")
    seen = [n for n in range(1, 301) if witness.mentions(f"started-{n}-here")]
    assert len(seen) + witness.missed >= 300
    assert len(seen) >= 240
    assert not witness.mentions("started-elsewhere")


def test_a_process_in_a_container_on_the_host_is_seen(h1: Host) -> None:
    h1.run("docker", "pull", "--quiet", "redis:7.4.2", timeout=120)
    with watching(h1) as witness:
        h1.run("docker", "run", "--rm", "redis:7.4.2", "sh", "-c", "/bin/true inside-of-it")
    assert "/bin/true inside-of-it" in witness.mentions("inside-of-it")


def test_a_host_left_alone_stays_as_it_is(h1: Host) -> None:
    before, containers = files_of(h1), h1.containers()
    assert h1.ssh("sudo docker ps").returncode == 0
    assert difference(before, files_of(h1)) == {}
    assert h1.containers() == containers


def test_what_is_changed_is_told(h1: Host) -> None:
    h1.run("sh", "-c", "echo one >/etc/one; echo two >/etc/two; echo three >/etc/three")
    before = files_of(h1)
    h1.run("sh", "-c", "echo one >/etc/one; chmod 0600 /etc/two; rm /etc/three; mkdir /etc/four")
    changed = difference(before, files_of(h1))
    h1.run("sh", "-c", "rm -r /etc/one /etc/two /etc/four")
    assert {"/etc/one", "/etc/two", "/etc/three", "/etc/four"} <= changed.keys()
    assert not [path for path in changed if not path.startswith("/etc")]


def test_a_container_made_anew_is_another_one(h1: Host) -> None:
    run = ("docker", "run", "--detach", "--name", "same", "redis:7.4.2")
    h1.run(*run, timeout=120)
    before = h1.containers()
    h1.run("docker", "rm", "--force", "same")
    h1.run(*run)
    after = h1.containers()
    h1.run("docker", "rm", "--force", "same")
    assert before.keys() == after.keys() == {"same"}
    assert before != after
