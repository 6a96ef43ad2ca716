"""The real CLI of docker against a stand-in of its daemon: what it prints is what we read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from sophia_cli.ops.facts.container import Container, ContainerState, Mount
from sophia_cli.ops.facts.docker import Docker
from sophia_cli.ops.facts.fact import Known, gather
from sophia_cli.ops.facts.image import Image, ImageState
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
        "Env": ["PASSWORD=topsecret"],
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


def test_a_container_s_environment_does_not_leave_the_host(known: Known) -> None:
    assert "topsecret" not in Container("sophia-redis").command
    assert "topsecret" not in repr(known)


def test_without_a_daemon_docker_is_silent() -> None:
    connection = LocalConnection(variables={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    facts = [Container("sophia-redis", "redis:7.4.2"), Image("redis:7.4.2"), Owned()]
    known = gather(connection, facts)
    assert [known[each].docker for each in facts] == [Docker.SILENT] * 3
