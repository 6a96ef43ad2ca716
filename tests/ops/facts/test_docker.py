"""Curl, and the real CLI of docker, against a stand-in of its daemon: what they say is read."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.facts import docker
from sophia_cli.ops.facts.container import Container, ContainerState, Mount
from sophia_cli.ops.facts.docker import SOCKET, Docker, inspected, objects
from sophia_cli.ops.facts.fact import Known, gather
from sophia_cli.ops.facts.image import Image, ImageState
from sophia_cli.ops.facts.machine import Machine
from sophia_cli.ops.facts.owned import FoundContainer, FoundVolume, Owned
from tests.ops.docker_daemon import docker_daemon
from tests.ops.local import LocalConnection

pytestmark = pytest.mark.skipif(shutil.which("docker") is None, reason="no docker CLI here")

ID = "sha256:" + "1" * 64
CONTAINER = {
    "Id": "c" * 64,
    "Name": "/sophia-redis",
    "Created": "2024-01-02T03:04:05Z",
    "Path": "redis-server",
    "Args": ["--port", "6379"],
    "Image": ID,
    "RestartCount": 2,
    "State": {"Status": "running", "ExitCode": 0, "Health": {"Status": "healthy", "Log": []}},
    "Mounts": [
        {"Type": "bind", "Source": "/data/redis", "Destination": "/data", "Mode": "", "RW": True},
        {
            "Type": "volume",
            "Name": "certificates",
            "Source": "/var/lib/docker/volumes/certificates/_data",
            "Destination": "/tls",
            "Mode": "ro",
            "RW": False,
        },
    ],
    "Config": {
        "Image": "redis:7.4.2",
        "Labels": {"io.sophia.cluster": 'with "quotes"'},
        "Env": ["PATH=/bin", 'PASSWORD="topsecret"], \\"topsecret', "OTHER=[topsecret]", "C=\\\\"],
    },
    "HostConfig": {},
    "NetworkSettings": {},
}
PLAIN = {
    **CONTAINER,
    "Name": "/plain",
    "RestartCount": 0,
    "State": {"Status": "exited", "ExitCode": 101},
    "Mounts": [],
    "Args": [],
    "Config": {"Image": "redis:7.4.2", "Labels": None},
}
ANSWERS = {
    "GET /containers/sophia-redis/json": CONTAINER,
    "GET /containers/plain/json": PLAIN,
    "GET /images/redis:7.4.2/json": {"Id": ID, "RepoTags": ["redis:7.4.2"], "Config": None},
    "GET /containers/json": [
        {
            "Id": "c" * 64,
            "Names": ["/sophia-redis"],
            "Image": "redis:7.4.2",
            "State": "running",
            "Status": "Up 3 days",
            "Labels": {"io.sophia.cluster": "production", "io.sophia.service": "redis"},
            "Ports": [],
            "Mounts": [],
        },
        {
            "Id": "d" * 64,
            "Names": ["/somebody"],
            "Image": "nginx:1",
            "State": "exited",
            "Status": "Exited (0)",
            "Labels": {},
            "Ports": [],
            "Mounts": [],
        },
    ],
    "GET /volumes": {
        "Volumes": [{"Name": "data", "Mountpoint": "/var/lib/docker/volumes/data/_data"}],
        "Warnings": None,
    },
}


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    with docker_daemon(ANSWERS, "no-such", "redis:9", "redis:7.4.2") as daemon:
        yield gather(
            LocalConnection(variables=daemon.variables),
            [
                Container("sophia-redis", "redis:7.4.2"),
                Container("plain"),
                Container("no-such", "redis:7.4.2"),
                Container("no-such", "redis:9"),
                Image("redis:7.4.2"),
                Image("redis:9"),
                Owned(),
            ],
        )


def test_a_container_and_its_image_are_read_in_one_call(known: Known) -> None:
    assert known[Container("sophia-redis", "redis:7.4.2")] == ContainerState(
        Docker.ANSWERS,
        exists=True,
        image="redis:7.4.2",
        image_id=ID,
        tag_id=ID,
        status="running",
        health="healthy",
        restarts=2,
        exit_code=0,
        labels={"io.sophia.cluster": 'with "quotes"'},
        created="2024-01-02T03:04:05Z",
        mounts=(
            Mount("bind", "/data/redis", "/data", True),
            Mount("volume", "certificates", "/tls", False),
        ),
        arguments=("--port", "6379"),
    )


def test_a_container_without_labels_mounts_and_checks_is_read(known: Known) -> None:
    state = known[Container("plain")]
    assert (state.exists, state.running, state.exit_code) == (True, False, 101)
    assert (state.health, state.labels, state.mounts) == ("", {}, ())


def test_what_is_not_there_is_said_by_a_daemon_that_answers(known: Known) -> None:
    assert known[Container("no-such", "redis:7.4.2")] == ContainerState(Docker.ANSWERS, tag_id=ID)
    assert known[Container("no-such", "redis:9")] == ContainerState(Docker.ANSWERS)
    assert known[Image("redis:7.4.2")] == ImageState(Docker.ANSWERS, ID)
    assert known[Image("redis:9")] == ImageState(Docker.ANSWERS)


def test_all_containers_and_volumes_are_listed(known: Known) -> None:
    owned = known[Owned()]
    assert owned.docker is Docker.ANSWERS
    assert owned.containers == (
        FoundContainer("sophia-redis", "redis:7.4.2", "running", "production", "redis"),
        FoundContainer("somebody", "nginx:1", "exited", "", ""),
    )
    assert owned.volumes == (FoundVolume("data", "/var/lib/docker/volumes/data/_data", ""),)


PATHS = ["containers/sophia-redis", "images/redis:7.4.2", "containers/no-such"]
WAYS = {
    "curl": inspected(PATHS),
    "client": inspected(PATHS).replace("command -v curl", "command -v not-on-this-host"),
}


@pytest.mark.parametrize("way", WAYS)
def test_without_curl_docker_s_client_says_the_same(way: str) -> None:
    with docker_daemon(ANSWERS, "no-such", "redis:9") as daemon:
        finished = LocalConnection(variables=daemon.variables).run(Command(WAYS[way]))
    said, known = objects(finished.stdout, finished.exit_status, PATHS)
    assert (said, list(known)) == (Docker.ANSWERS, PATHS[:2])
    assert known[PATHS[0]]["State"]["Health"]["Status"] == "healthy"


@pytest.mark.parametrize("way", WAYS)
def test_a_container_s_environment_does_not_leave_the_host(way: str) -> None:
    with docker_daemon(ANSWERS, "no-such") as daemon:
        finished = LocalConnection(variables=daemon.variables).run(Command(WAYS[way]))
    assert "healthy" in finished.stdout
    assert '"Env":[]' in finished.stdout
    assert "topsecret" not in finished.stdout


@pytest.mark.parametrize("client", [False, True])
def test_the_daemon_s_version_is_the_machine_s(client: bool) -> None:
    command = Machine().command
    if client:
        command = command.replace("command -v curl", "command -v not-on-this-host")
    versions = {"Version": "20.10.24+dfsg1", "ApiVersion": "1.41", "Components": []}
    with docker_daemon({"GET /version": versions}) as daemon:
        finished = LocalConnection(variables=daemon.variables).run(Command(command))
    assert Machine().parse(finished.stdout, finished.exit_status).docker == "20.10.24+dfsg1"


@pytest.mark.parametrize("path", ["/nowhere/docker.sock", "/dev/null"])
def test_without_a_daemon_the_machine_has_no_docker(path: str) -> None:
    connection = LocalConnection(variables={"DOCKER_HOST": f"unix://{path}"})
    assert gather(connection, [Machine()])[Machine()].docker is None


def test_a_daemon_that_fails_is_silent() -> None:
    with docker_daemon({}) as daemon:
        connection = LocalConnection(variables=daemon.variables)
        assert gather(connection, [Image("redis:7")])[Image("redis:7")].docker is Docker.SILENT


def test_curl_and_docker_s_client_talk_to_the_same_daemon(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"currentContext": "elsewhere"}')
    (tmp_path / ".curlrc").write_text("fail\nverbose\n")
    with docker_daemon(ANSWERS, "no-such") as daemon:
        for more, expected in [
            ({"HOME": str(tmp_path)}, daemon.variables["DOCKER_HOST"].removeprefix("unix://")),
            ({"DOCKER_CONFIG": str(tmp_path)}, ""),
            ({"DOCKER_CONTEXT": "elsewhere"}, ""),
            ({"DOCKER_HOST": "tcp://127.0.0.1:1"}, ""),
        ]:
            connection = LocalConnection(variables={**daemon.variables, **more})
            finished = connection.run(Command(f'{SOCKET}\nprintf %s "$s"'))
            assert finished.stdout == expected, more
        connection = LocalConnection(variables={**daemon.variables, "HOME": str(tmp_path)})
        facts = [Container("no-such"), Container("plain")]
        known = gather(connection, facts)
    assert [known[each].exists for each in facts] == [False, True]


def test_a_daemon_that_says_nothing_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "_PATIENCE", 1)
    with tempfile.TemporaryDirectory(dir="/tmp") as directory, socket.socket(socket.AF_UNIX) as it:
        it.bind(f"{directory}/docker.sock")
        it.listen()
        variables = {"DOCKER_HOST": f"unix://{directory}/docker.sock"}
        facts = [Container("sophia-redis", "redis:7.4.2"), Container("plain")]
        known = gather(LocalConnection(variables=variables), facts)
    assert [known[each].docker for each in facts] == [Docker.SILENT] * 2


@pytest.mark.parametrize(
    "address",
    ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1", "tcp://no-such-host.invalid:2375"],
)
def test_without_a_daemon_docker_is_silent(address: str) -> None:
    connection = LocalConnection(variables={"DOCKER_HOST": address})
    facts = [Container("sophia-redis", "redis:7.4.2"), Image("redis:7.4.2"), Owned()]
    known = gather(connection, facts)
    assert [known[each].docker for each in facts] == [Docker.SILENT] * 3
