"""The real CLI of docker against a stand-in of its daemon: what a host's containers are."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import Any

import pytest

from sophia_cli.checks.hosts.asked import Brief
from sophia_cli.checks.hosts.asked_services import Gpu, GpuState
from sophia_cli.checks.hosts.containers import Containers, ContainersNow, RunningContainer
from sophia_cli.ops.facts.docker import Docker
from sophia_cli.ops.facts.fact import gather
from tests.ops.docker_daemon import docker_daemon
from tests.ops.local import LocalConnection

pytestmark = pytest.mark.skipif(shutil.which("docker") is None, reason="no docker CLI here")

QDRANT, PLAIN = "c" * 64, "d" * 64
INSPECTED: dict[str, Any] = {
    "Id": QDRANT,
    "Name": "/sophia-qdrant",
    "Created": "2026-11-20T03:04:05.123456789Z",
    "Image": "sha256:" + "1" * 64,
    "RestartCount": 2,
    "State": {
        "Status": "restarting",
        "ExitCode": 101,
        "OOMKilled": True,
        "StartedAt": "2026-11-23T19:00:00.5Z",
        "Health": {"Status": "unhealthy", "Log": []},
    },
    "Mounts": [
        {"Type": "bind", "Source": "/data/qdrant/storage", "Destination": "/qdrant/storage"},
        {
            "Type": "volume",
            "Name": "left",
            "Source": "/x/_data",
            "Destination": "/qdrant/snapshots",
        },
    ],
    "Config": {"Image": "qdrant/qdrant:v1.19.0", "Env": ["PASSWORD=topsecret"], "Labels": None},
    "HostConfig": {},
    "NetworkSettings": {},
}
NEVER_STARTED = {
    **INSPECTED,
    "Id": PLAIN,
    "Name": "/plain",
    "RestartCount": 0,
    "Mounts": [],
    "State": {"Status": "created", "ExitCode": 0, "StartedAt": "0001-01-01T00:00:00Z"},
}


def listed(*ids: str) -> list[dict[str, Any]]:
    return [
        {"Id": id_, "Names": ["/x"], "Image": "x", "State": "running", "Labels": {}, "Ports": []}
        for id_ in ids
    ]


def asked(answers: dict[str, Any]) -> ContainersNow:
    with docker_daemon(answers) as daemon:
        brief = Brief(Containers("sophia"), 5)
        connection = LocalConnection(variables=daemon.variables)
        found = gather(connection, [brief])[brief]
        assert daemon.asked == []
        assert isinstance(found, ContainersNow)
        return found


def test_containers_are_read_and_nothing_of_their_environment() -> None:
    found = asked(
        {
            "GET /containers/json": listed(QDRANT, PLAIN),
            f"GET /containers/{QDRANT}/json": INSPECTED,
            f"GET /containers/{PLAIN}/json": NEVER_STARTED,
        }
    )
    assert found.docker is Docker.ANSWERS
    assert found.by_name["sophia-qdrant"] == RunningContainer(
        image="qdrant/qdrant:v1.19.0",
        status="restarting",
        health="unhealthy",
        restarts=2,
        exit_code=101,
        created=datetime(2026, 11, 20, 3, 4, 5, 123456, tzinfo=UTC),
        started=datetime(2026, 11, 23, 19, 0, 0, 500000, tzinfo=UTC),
        mounts={"/qdrant/storage": "/data/qdrant/storage", "/qdrant/snapshots": "left"},
        out_of_memory=True,
    )
    assert found.by_name["plain"].started is None
    assert found.by_name["plain"].health == ""
    assert "topsecret" not in str(found)


def test_a_host_without_containers_of_the_cluster() -> None:
    assert asked({"GET /containers/json": []}) == ContainersNow(Docker.ANSWERS)


def test_a_daemon_that_fails_does_not_count_as_one_without_containers() -> None:
    assert asked({}).docker is Docker.SILENT


def test_a_daemon_that_is_not_there() -> None:
    connection = LocalConnection(variables={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    facts = [Brief(Containers("sophia"), 5), Brief(Gpu("sophia-qdrant"), 5)]
    known = gather(connection, facts)
    assert known[facts[0]] == ContainersNow(Docker.SILENT)
    assert known[facts[1]] == GpuState(False, ())
