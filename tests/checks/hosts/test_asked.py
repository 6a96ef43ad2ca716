"""What a host is asked, asked of this very machine, and what odd answers come to."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.checks.hosts.asked import (
    Brief,
    ClockNow,
    MemoryNow,
    NotTold,
    Reboot,
    Space,
    SpaceState,
    SyncState,
    TimeSync,
)
from sophia_cli.checks.hosts.asked_services import (
    DeployLock,
    FileMode,
    Gpu,
    GpuState,
    Modes,
    Units,
)
from sophia_cli.checks.hosts.containers import Containers
from sophia_cli.checks.hosts.told import facts_of
from sophia_cli.ops.facts.docker import Docker
from sophia_cli.ops.facts.fact import Fact, gather
from sophia_cli.ops.facts.port import Port
from sophia_cli.ops.facts.status import Status
from sophia_cli.ops.lease import HostLock, Lease
from sophia_cli.ops.owner import Owner
from tests.checks.hosts.texts import unit
from tests.checks.world import INVENTORY
from tests.ops.local import LocalConnection


def asked(fact: Fact[Any], seconds: int = 5) -> Any:
    brief = Brief(fact, seconds)
    return gather(LocalConnection(), [brief])[brief]


def test_the_clock_is_this_machines() -> None:
    before = time.time()
    assert before - 1 < asked(ClockNow("here")) < time.time() + 1


def test_memory_is_this_machines() -> None:
    found = asked(MemoryNow())
    assert found.total == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < found.available <= found.total


def test_space_is_that_of_the_nearest_directory_that_is_there(tmp_path: Path) -> None:
    there, not_yet = str(tmp_path), str(tmp_path / "not" / "yet there")
    found = asked(Space((there, not_yet, "/not-at-all")))
    status = os.statvfs(tmp_path)
    assert found[there].size == status.f_blocks * status.f_frsize
    assert found[not_yet].size == found[there].size
    assert found["/not-at-all"].at == "/"
    assert 0 <= found[there].free_share <= 1


def test_the_scarcer_of_bytes_and_inodes_counts() -> None:
    assert SpaceState(100, 50, 1000, 100, "/").free_share == 0.1
    assert SpaceState(100, 5, 1000, 900, "/").free_share == 0.05
    assert SpaceState(100, 50, 0, 0, "/").free_share == 0.5


def test_modes_are_those_of_the_files_that_are_there(tmp_path: Path) -> None:
    key, open_, link = tmp_path / "a key", tmp_path / "open", tmp_path / "link"
    for path, mode in ((key, 0o400), (open_, 0o640)):
        path.touch()
        path.chmod(mode)
    link.symlink_to(open_)
    found = asked(Modes((str(key), str(open_), str(link), str(tmp_path / "none"))))
    assert found == {
        str(key): FileMode("0400", "root", "root"),
        str(open_): FileMode("0640", "root", "root"),
        str(link): FileMode("0640", "root", "root"),
    }
    assert [mode.is_private for mode in found.values()] == [True, False, False]


def test_a_lease_that_a_deployment_holds_is_seen_and_not_touched(tmp_path: Path) -> None:
    directory = str(tmp_path / "lock of a host")
    assert asked(DeployLock(directory)) is None
    owner = Owner("ana", "laptop", 4711, "space", 1)
    from datetime import UTC, datetime

    lease = Lease("1", owner, "deploy", datetime.now(UTC))
    taken, _ = HostLock(LocalConnection(), directory).take(lease)
    assert taken
    file = Path(directory) / "lock"
    os.utime(file, (time.time() - 900, time.time() - 900))
    found = asked(DeployLock(directory))
    assert 890 < found.age < 960
    assert '"purpose": "deploy"' in found.text
    assert file.stat().st_mtime < time.time() - 890


def test_who_listens_is_seen() -> None:
    with socket.create_server(("127.0.0.7", 0)) as listener:
        number = listener.getsockname()[1]
        assert [each.address for each in asked(Port(number))] == ["127.0.0.7"]
    assert asked(Port(number)) == ()


def test_everything_a_host_is_asked_is_understood_by_a_shell() -> None:
    """Tools that are missing here make an answer empty or not told, never an error."""
    for host in INVENTORY.hosts.values():
        facts = facts_of(INVENTORY, host)
        known = gather(LocalConnection(), facts)
        assert all(fact in known for fact in facts)


def test_what_hangs_is_given_up_and_spoils_nothing() -> None:
    facts = [Brief(Status("sleep 60"), 1), Brief(ClockNow("after"))]
    known = gather(LocalConnection(), facts)
    assert known[facts[0]] == NotTold("the check did not end in time")
    assert isinstance(known[facts[1]], float)


@pytest.mark.parametrize(
    ("fact", "output", "status"),
    [
        (ClockNow("x"), "", 0),
        (ClockNow("x"), "1", 124),
        (MemoryNow(), "", 0),
        (Units(("a.service",)), "", 124),
        (Units(("a.service",)), "12.5\n", 0),
        (Units(("a.service", "b.service")), f"12.5\n{unit()}", 0),
        (Modes(("/x",)), "", 124),
        (DeployLock("/x"), "not a number\n{}", 0),
        (Gpu("x"), "", 124),
    ],
)
def test_an_answer_that_cannot_be_read_says_so(fact: Fact[Any], output: str, status: int) -> None:
    assert isinstance(Brief(fact).parse(output, status), NotTold)


def test_units_are_told_apart() -> None:
    blocks = unit() + "\n" + unit(load="not-found", active="inactive", file="", entered=0)
    found = Units(("a.service", "b.service")).parse(f"500.25\n{blocks}", 0)
    assert found["a.service"].state.active == "active"
    assert found["a.service"].age == pytest.approx(100.25)
    assert found["b.service"].state.load == "not-found"
    assert found["b.service"].age is None


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("NTPSynchronized=yes\n", SyncState(container=False, synchronised=True)),
        ("NTPSynchronized=no\n", SyncState(container=False, synchronised=False)),
        ("container=yes\n", SyncState(container=True, synchronised=None)),
        ("", SyncState(container=False, synchronised=None)),
    ],
)
def test_who_keeps_the_clock(output: str, expected: SyncState) -> None:
    assert TimeSync().parse(output, 0) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [("", None), ("wanted\n", ()), ("wanted\nlibc6\nlinux-base\n", ("libc6", "linux-base"))],
)
def test_whether_a_reboot_is_wanted(output: str, expected: tuple[str, ...] | None) -> None:
    assert Reboot().parse(output, 0) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("", GpuState(False, ())),
        ("there\n", GpuState(True, ())),
        ("there\nCreate GPU device NVIDIA\n", GpuState(True, ("Create GPU device NVIDIA",))),
        ("Create GPU device x\n", GpuState(False, ("Create GPU device x",))),
    ],
)
def test_what_is_known_of_a_gpu(output: str, expected: GpuState) -> None:
    assert Gpu("x").parse(output, 0) == expected


@pytest.mark.parametrize(
    ("output", "status", "docker"),
    [
        ("", 0, Docker.ANSWERS),
        ("docker is absent\n", 0, Docker.ABSENT),
        ("failed to connect to the docker API\ndocker did not do it\n", 0, Docker.SILENT),
        ("Error: No such object: of one that has just gone\n", 0, Docker.ANSWERS),
        ("", 124, Docker.SILENT),
    ],
)
def test_whether_docker_answers(output: str, status: int, docker: Docker) -> None:
    found = Containers("sophia").parse(output, status)
    assert found.docker is docker
    assert not found.by_name
