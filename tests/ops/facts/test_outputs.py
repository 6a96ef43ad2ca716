"""What is made of outputs that this machine cannot bring about: recorded ones, and broken ones."""

from __future__ import annotations

from typing import Any

import pytest

from sophia_cli.ops.facts.container import Container
from sophia_cli.ops.facts.content import FileDigest, FileText
from sophia_cli.ops.facts.docker import Docker
from sophia_cli.ops.facts.environment import PythonEnvironmentAt
from sophia_cli.ops.facts.fact import Fact
from sophia_cli.ops.facts.firewall import FirewallTable
from sophia_cli.ops.facts.image import Image, ImageState
from sophia_cli.ops.facts.machine import Machine
from sophia_cli.ops.facts.owned import FoundContainer, FoundVolume, Owned
from sophia_cli.ops.facts.packages import Packages, Upgrade, UpgradeState
from sophia_cli.ops.facts.path import AtPath
from sophia_cli.ops.facts.place import Place
from sophia_cli.ops.facts.port import Listener, Port
from sophia_cli.ops.facts.status import Status
from sophia_cli.ops.facts.unit import Unit, UnitState
from sophia_cli.ops.facts.usage import Usage
from sophia_cli.ops.facts.user import User, UserState

GPU_HOST = """\
hostname=gpu-1
architecture=x86_64
cpus=16
os PRETTY_NAME="Ubuntu 22.04.5 LTS"
os VERSION_ID="22.04"
os ID=ubuntu
memory_kb=65536000
disk=500000000000 400000000000
init=systemd
gpu=NVIDIA L4
docker=20.10.24+dfsg1
python=3.10.12
clock=1700000000.250000000
"""


def test_a_host_with_a_gpu_and_docker_is_read() -> None:
    machine = Machine().parse(GPU_HOST, 0)
    assert (machine.gpu, machine.docker, machine.python) == (
        "NVIDIA L4",
        "20.10.24+dfsg1",
        "3.10.12",
    )
    assert (machine.os, machine.os_id, machine.os_version) == (
        "Ubuntu 22.04.5 LTS",
        "ubuntu",
        "22.04",
    )
    assert machine.memory_bytes == 65536000 * 1024
    assert (machine.clock, machine.init) == (1700000000.25, "systemd")


def test_a_bare_host_has_neither() -> None:
    bare = "".join(
        line
        for line in GPU_HOST.splitlines(keepends=True)
        if not line.startswith(("gpu", "docker", "python", "os "))
    )
    machine = Machine().parse(bare, 0)
    assert (machine.gpu, machine.docker, machine.python) == (None, None, None)
    assert (machine.os, machine.os_id) == ("", "")


@pytest.mark.parametrize("missing", ["hostname", "cpus", "memory_kb", "disk", "clock", "init"])
def test_a_machine_that_does_not_say_what_it_is_is_an_error(missing: str) -> None:
    lines = GPU_HOST.splitlines(keepends=True)
    with pytest.raises(ValueError, match=missing):
        Machine().parse("".join(each for each in lines if not each.startswith(missing)), 0)


UNIT = """\
MainPID=812
NRestarts=3
ExecMainStartTimestamp=Tue 2024-01-02 03:04:05 UTC
LoadState=loaded
ActiveState=activating
SubState=auto-restart
UnitFileState=enabled
"""
CONTAINERS = (
    "unit\tsophia.service\n"
    "unit\tsophia-firewall-qdrant.service\n"
    "container\tsophia-redis\tredis:7.4.2\trunning\tproduction\tredis\n"
    "container\tsomebody\tnginx:1\texited\t\t\n"
    "volume\tdata\t/var/lib/docker/volumes/data/_data\t\n"
)
ANY = "0.0.0.0"  # noqa: S104
PORTS = """\
   0: 00000000:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   1: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0
   0: 00000000000000000000000000000000:18EB 00000000000000000000000000000000:0000 0A 0:0 0 0 0
LISTEN 0 511          0.0.0.0:6379 0.0.0.0:* users:(("redis-server",pid=12,fd=6))
LISTEN 0 511                *:6379       *:* users:(("redis-server",pid=12,fd=7))
LISTEN 0 511     127.0.0.1%lo:6379 0.0.0.0:* users:(("other",pid=13,fd=7),("more",pid=14,fd=1))
"""
UPGRADE = """\
fresh
Reading package lists...
The following packages will be upgraded:
  bash openssl
Inst bash [5.2.15-2+b7] (5.2.15-2+b8 Debian:12.9/stable [amd64])
Inst openssl [3.0.14-1] (3.0.15-1 Debian-Security:12/stable-security [amd64]) []
Conf bash (5.2.15-2+b8 Debian:12.9/stable [amd64])
"""


@pytest.mark.parametrize(
    ("fact", "output", "status", "expected"),
    [
        (
            Unit("sophia.service"),
            UNIT,
            0,
            UnitState(
                "loaded",
                "activating",
                "auto-restart",
                "enabled",
                3,
                812,
                "Tue 2024-01-02 03:04:05 UTC",
            ),
        ),
        (
            Unit("none.service"),
            "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n",
            0,
            UnitState("not-found", "inactive", "dead"),
        ),
        (Unit("sophia.service"), "", 0, UnitState()),
        (
            Unit("x.timer"),
            "LoadState=loaded\nActiveState=active\nSubState=waiting\nUnitFileState=static\n",
            0,
            UnitState("loaded", "active", "waiting", "static"),
        ),
        (
            Packages(("a", "b", "c", "d")),
            "a\tii \t1.0\nb\trc \t2.0\nc\thi \t3:1.0~x\nd\tiU \t4\n",
            0,
            {"a": "1.0", "c": "3:1.0~x"},
        ),
        (Upgrade(), UPGRADE, 0, UpgradeState(True, ("bash", "openssl"))),
        (Upgrade(), "Reading package lists...\n", 0, UpgradeState(False, ())),
        (Upgrade(), "fresh\n", 124, UpgradeState(False, ())),
        (
            Port(6379),
            PORTS,
            0,
            (
                Listener(ANY, "redis-server", 12),
                Listener("127.0.0.1", "other", 13),
                Listener("::", "redis-server", 12),
            ),
        ),
        (
            Port(6379),
            PORTS.partition("LISTEN")[0],
            0,
            (Listener(ANY), Listener("127.0.0.1"), Listener("::")),
        ),
        (Usage("/data"), "", 124, None),
        (
            User("sophia"),
            "sophia:x:998:997:The memory,,,:/var/lib/sophia:/usr/sbin/nologin\n"
            "sophia\nsophia docker\n",
            0,
            UserState(
                998, 997, "sophia", ("sophia", "docker"), "/var/lib/sophia", "/usr/sbin/nologin"
            ),
        ),
        (Image("redis:7"), "docker is absent\n", 0, ImageState(Docker.ABSENT)),
        (Image("redis:7"), "", 124, ImageState(Docker.SILENT)),
        (
            Image("redis:7"),
            "Error: No such image: redis:7\n404\n",
            0,
            ImageState(Docker.ANSWERS),
        ),
        (
            Image("redis:7"),
            '{"message":"No such image: redis:7"}\n\n404\n',
            0,
            ImageState(Docker.ANSWERS),
        ),
        (
            Image("redis:7"),
            'WARNING: Error loading config file\n{"Id":"sha256:1","Log":"a\x85b"}\n200\n',
            0,
            ImageState(Docker.ANSWERS, "sha256:1"),
        ),
        (Image("redis:7"), '{"message":"page not found"}\n\n404\n', 0, ImageState(Docker.SILENT)),
        (
            Image("redis:7"),
            '{"message":"open /var/lib/docker/x: no such file"}\n\n500\n',
            0,
            ImageState(Docker.SILENT),
        ),
        (Image("redis:7"), "\n000\n", 0, ImageState(Docker.SILENT)),
        (
            Image("redis:7"),
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
            "Is the docker daemon running?\n500\n",
            0,
            ImageState(Docker.SILENT),
        ),
        (FirewallTable("sophia_x"), "", 0, None),
    ],
)
def test_an_output_is_read(fact: Fact[Any], output: str, status: int, expected: object) -> None:
    assert fact.parse(output, status) == expected


@pytest.mark.parametrize(
    "fact",
    [
        Machine(),
        AtPath("/x"),
        FileText("/x"),
        FileDigest("/x"),
        Packages(("x",)),
        PythonEnvironmentAt("/x", "y"),
        User("x"),
        Unit("x.service"),
        Place("/x"),
        Port(1),
        Status("true"),
        FirewallTable("x"),
    ],
)
def test_out_of_time_is_never_taken_for_absent(fact: Fact[Any]) -> None:
    with pytest.raises(ValueError):
        fact.parse("", 124)


def test_what_is_on_a_host_is_told_by_its_label() -> None:
    owned = Owned().parse(CONTAINERS, 0)
    assert owned.docker is Docker.ANSWERS
    assert owned.units == ("sophia.service", "sophia-firewall-qdrant.service")
    assert owned.of("production") == (
        FoundContainer("sophia-redis", "redis:7.4.2", "running", "production", "redis"),
    )
    assert [each.name for each in owned.containers] == ["sophia-redis", "somebody"]
    assert owned.volumes == (FoundVolume("data", "/var/lib/docker/volumes/data/_data", ""),)


@pytest.mark.parametrize(
    ("output", "docker"),
    [
        ("unit\tsophia.service\ndocker is absent\n", Docker.ABSENT),
        ("unit\tsophia.service\nWhatever it says\ndocker did not do it\n", Docker.SILENT),
    ],
)
def test_units_are_known_without_docker(output: str, docker: Docker) -> None:
    owned = Owned().parse(output, 0)
    assert (owned.docker, owned.units, owned.containers) == (docker, ("sophia.service",), ())


@pytest.mark.parametrize(
    ("output", "status", "docker"),
    [
        ("docker is absent\n", 0, Docker.ABSENT),
        ("", 124, Docker.SILENT),
        ("Error response from daemon: something is wrong\n500\n", 0, Docker.SILENT),
        ("lookup docker: no such host\n500\n", 0, Docker.SILENT),
        ("Error: No such container: sophia-redis\n404\n", 0, Docker.ANSWERS),
    ],
)
def test_a_container_that_is_not_there_says_whether_docker_knows(
    output: str, status: int, docker: Docker
) -> None:
    state = Container("sophia-redis").parse(output, status)
    assert (state.docker, state.exists) == (docker, False)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "LoadState=loaded\nActiveState=active\nMainPID=7\n\nLoadState=not-found\n",
            [UnitState("loaded", "active", pid=7), UnitState("not-found")],
        ),
        ("", [UnitState(), UnitState()]),
    ],
)
def test_units_are_read_together(output: str, expected: list[UnitState]) -> None:
    units = [Unit("sophia.service"), Unit("none.service")]
    assert Unit.together(units).parse(output, 0) == expected


@pytest.mark.parametrize(
    ("fact", "output", "status"),
    [
        (Unit.together([Unit("a.service"), Unit("b.service")]), "LoadState=loaded\n", 0),
        (Unit.together([Unit("a.service"), Unit("b.service")]), "", 124),
        (AtPath.together([AtPath("/a"), AtPath("/b")]), "", 124),
        (FileText.together([FileText("/a"), FileText("/b")]), "-\n", 124),
        (
            Container.together([Container("a", "redis:7"), Container("b")]),
            '{"Id":"sha256:1\n200\n\n200\n{}\n200\n',
            0,
        ),
    ],
)
def test_what_is_not_said_of_each_is_not_taken_for_an_answer(
    fact: Fact[Any], output: str, status: int
) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        fact.parse(output, status)


@pytest.mark.parametrize(
    ("output", "status", "docker"),
    [("docker is absent\n", 0, Docker.ABSENT), ("", 124, Docker.SILENT)],
)
def test_of_containers_read_together_each_says_what_docker_does(
    output: str, status: int, docker: Docker
) -> None:
    states = Container.together([Container("a"), Container("b")]).parse(output, status)
    assert [(each.docker, each.exists) for each in states] == [(docker, False)] * 2
