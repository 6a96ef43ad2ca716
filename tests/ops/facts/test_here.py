"""Facts of this very machine, compared with what Python itself sees of it."""

from __future__ import annotations

import grp
import hashlib
import os
import platform
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.ops.facts.content import FileDigest, FileText
from sophia_cli.ops.facts.environment import EnvironmentState, PythonEnvironmentAt
from sophia_cli.ops.facts.fact import Fact, gather
from sophia_cli.ops.facts.machine import Machine
from sophia_cli.ops.facts.packages import Packages
from sophia_cli.ops.facts.path import AtPath, Kind, PathState
from sophia_cli.ops.facts.place import Place
from sophia_cli.ops.facts.port import Port
from sophia_cli.ops.facts.usage import Usage
from sophia_cli.ops.facts.user import User
from tests.ops.local import LocalConnection


def read(fact: Fact[Any]) -> Any:
    return gather(LocalConnection(), [fact])[fact]


def test_a_machine_whose_disk_cannot_be_measured_does_not_say_its_disk(tmp_path: Path) -> None:
    (tmp_path / "df").write_text("#!/bin/sh\necho df: unknown option >&2\nexit 1\n")
    (tmp_path / "df").chmod(0o755)
    said = subprocess.run(
        ["sh", "-c", Machine().command],
        env=dict(os.environ, PATH=f"{tmp_path}:{os.environ['PATH']}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with pytest.raises(ValueError, match="does not say its disk"):
        Machine().parse(said.stdout, said.returncode)


def test_the_machine_is_as_python_sees_it() -> None:
    machine = read(Machine())
    assert machine.hostname == platform.node()
    assert machine.architecture == platform.machine()
    assert machine.cpus == len(os.sched_getaffinity(0))
    assert machine.memory_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert machine.disk_total_bytes == shutil.disk_usage("/").total
    assert 0 < machine.disk_free_bytes < machine.disk_total_bytes
    assert abs(machine.clock - time.time()) < 60
    release = platform.freedesktop_os_release()
    assert (machine.os, machine.os_id) == (release["PRETTY_NAME"], release["ID"])
    assert machine.os_version == release.get("VERSION_ID", "")
    process_1 = Path("/proc/1/comm").read_text().strip()
    assert machine.init == ("systemd" if Path("/run/systemd/system").is_dir() else process_1)


def test_files_directories_and_links_are_told_apart(tmp_path: Path) -> None:
    file, link, directory = tmp_path / "file", tmp_path / "link", tmp_path / "a directory"
    file.write_bytes(b"12345")
    file.chmod(0o640)
    os.chown(file, 4711, 4712)
    link.symlink_to(directory)
    directory.mkdir(mode=0o2750)
    directory.chmod(0o2750)
    assert read(AtPath(str(file))) == PathState(
        Kind.FILE, "0640", "4711", "4712", 4711, 4712, size=5
    )
    assert read(AtPath(str(link))).kind is Kind.LINK
    followed = read(AtPath(str(link), follow=True))
    assert (followed.kind, followed.mode, followed.owner) == (Kind.DIRECTORY, "2750", "root")
    assert read(AtPath(str(tmp_path / "nothing"))) == PathState(Kind.ABSENT)
    assert read(AtPath("/dev/null")).kind is Kind.OTHER


def test_a_file_comes_over_as_it_is(tmp_path: Path) -> None:
    content = bytes(range(256)) * 100
    path = tmp_path / "it's here"
    path.write_bytes(content)
    assert read(FileText(str(path))) == content
    assert read(FileText(str(path), limit=10)) == content[:10]
    assert read(FileDigest(str(path))) == hashlib.sha256(content).hexdigest()
    path.write_bytes(b"")
    assert read(FileText(str(path))) == b""


def test_files_come_over_together_as_they_are(tmp_path: Path) -> None:
    contents = [bytes(range(256)) * 300, b"", b"\n\n", None, b"no end of line"]
    facts = [FileText(str(tmp_path / f"it's {number}")) for number in range(len(contents))]
    for fact, content in zip(facts, contents, strict=True):
        if content is not None:
            Path(fact.path).write_bytes(content)
    known = gather(LocalConnection(), [*facts, FileText(facts[0].path, limit=7)])
    assert [known[fact] for fact in facts] == contents
    assert known[FileText(facts[0].path, limit=7)] == bytes(range(7))


def test_files_of_the_kernel_come_over_with_others(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("plain")
    facts = [FileText("/proc/sys/kernel/ostype"), FileText(str(tmp_path / "plain"))]
    known = gather(LocalConnection(), facts)
    assert [known[fact] for fact in facts] == [b"Linux\n", b"plain"]


@pytest.mark.parametrize("place", [0, 1])
def test_a_file_that_pretends_to_be_two_is_read_alone(tmp_path: Path, place: int) -> None:
    facts = [FileText(str(tmp_path / name)) for name in ("one", "two")]
    contents = [b"1", b"2"]
    contents[place] = f"x\n==> {facts[1].path} <==\ny".encode()
    for fact, content in zip(facts, contents, strict=True):
        Path(fact.path).write_bytes(content)
    connection = LocalConnection()
    known = gather(connection, facts)
    assert [known[fact] for fact in facts] == contents
    assert len(connection.commands) == 2


@pytest.mark.parametrize("fact", [FileText, FileDigest])
def test_where_no_file_is_there_is_no_content(fact: Any, tmp_path: Path) -> None:
    assert read(fact(str(tmp_path / "nothing"))) is None
    assert read(fact(str(tmp_path))) is None


def test_users_are_as_the_system_knows_them() -> None:
    root, entry = read(User("root")), pwd.getpwnam("root")
    assert (root.uid, root.home, root.shell) == (0, entry.pw_dir, entry.pw_shell)
    assert root.group == grp.getgrgid(entry.pw_gid).gr_name
    assert root.group in root.groups
    assert read(User("nobody-of-this-name")) is None


def test_installed_packages_have_a_version() -> None:
    found = read(Packages(("base-files", "dpkg", "no-such-package")))
    assert set(found) == {"base-files", "dpkg"}
    assert all(found.values())


def test_who_listens_is_found_with_its_process() -> None:
    with socket.create_server(("127.0.0.2", 0)) as server:
        number = server.getsockname()[1]
        (listener,) = read(Port(number))
    assert listener.address == "127.0.0.2"
    if shutil.which("ss"):
        assert listener.pid == os.getpid()
    assert read(Port(number)) == ()


def test_an_address_of_ipv6_is_read_as_it_is_written() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        (listener,) = read(Port(server.getsockname()[1]))
    assert listener.address == "::1"


def test_usage_counts_what_a_directory_takes(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(os.urandom(300_000))
    assert 300_000 <= read(Usage(str(tmp_path))) < 400_000
    assert read(Usage(str(tmp_path / "nothing"))) is None


def test_a_place_knows_where_it_really_is(tmp_path: Path) -> None:
    real = tmp_path.resolve() / "real place"
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to(real)
    place = read(Place(str(real)))
    assert (place.exists, place.real, place.empty) == (True, str(real), True)
    assert (place.is_mount, place.mounts_below) == (False, ())
    (real / "data").write_bytes(os.urandom(100_000))
    place = read(Place(str(link / "data")))
    assert (place.real, place.empty) == (str(real / "data"), False)
    assert place.size >= 100_000
    assert not read(Place(str(tmp_path / "nothing"))).exists


def test_a_link_that_leads_nowhere_is_a_place_too(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone")
    place = read(Place(str(link)))
    assert (place.exists, place.real) == (True, str(tmp_path.resolve() / "gone"))


def test_mounts_are_seen_from_above_and_at_the_place_itself() -> None:
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    assert "/proc" in mounts
    assert read(Place("/proc")).is_mount
    inside = [each for each in mounts if each.startswith("/sys/")]
    assert set(read(Place("/sys")).mounts_below) == set(inside)


def test_an_environment_says_what_is_installed(tmp_path: Path) -> None:
    fact = PythonEnvironmentAt(str(tmp_path), "Sophia.cli")
    assert read(fact) == EnvironmentState()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("/bin/true")
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    (site / "sophia_cli_other-9.dist-info").mkdir(parents=True)
    assert read(fact) == EnvironmentState()
    (site / "sophia_cli-0.1.0.dist-info").mkdir()
    (tmp_path / ".sophia").write_text("abc\n")
    assert read(fact) == EnvironmentState("0.1.0", "abc")
