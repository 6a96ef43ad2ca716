"""What the real CLI of docker makes of our command lines, by a stand-in of its daemon."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.facts.fact import gather
from sophia_cli.ops.operations import docker_run
from sophia_cli.ops.operations.container import SPEC_LABEL
from sophia_cli.ops.operations.operation import Change, Run
from sophia_cli.ops.operations.registry import build
from tests.ops.docker_daemon import docker_daemon
from tests.ops.local import LocalConnection

pytestmark = pytest.mark.skipif(shutil.which("docker") is None, reason="no docker CLI here")

IMAGE = {"GET /images/redis:7.4.2/json": {"Id": "sha256:aa", "RepoTags": ["redis:7.4.2"]}}
ID = "c" * 64


def test_docker_understands_every_flag_as_it_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "my environment"
    file.write_text("PASSWORD=hunter2\n")
    operation = build(
        "container",
        {
            "name": "sophia-redis",
            "image": "redis:7.4.2",
            "command": ["redis-server", "/etc/my redis.conf", "--port", 6379],
            "mounts": ["/data/my redis:/data", "certificates:/tls:ro"],
            "environment": {"GREETING": "it's me"},
            "env_file": str(file),
            "memory": "2gb",
            "cpus": 1.5,
            "stop_timeout": "90s",
            "user": "999:999",
            "labels": {"team": "memory"},
            "ulimits": {"nofile": "1024:65536"},
            "gpus": "all",
            "cluster": "production",
            "service": "redis",
            "config_digest": "c0ffee",
            "health": "redis-cli ping | grep -q PONG",
        },
    )
    answers = {
        **IMAGE,
        "POST /containers/create": {"Id": ID, "Warnings": []},
        f"POST /containers/{ID}/wait": {"StatusCode": 0},
        f"POST /containers/{ID}/start": "done",
    }
    with docker_daemon(answers, "sophia-redis", "redis:7.4.2") as daemon:
        connection = LocalConnection(variables=daemon.variables)
        change = operation.compare(gather(connection, operation.needs()))
        assert isinstance(change, Change)
        running = change.actions[0]
        assert isinstance(running, Run)
        finished = connection.run(running.command)
        assert (finished.exit_status, finished.stdout.strip()) == (0, ID), finished.stderr
    (method, path, made), *rest = daemon.asked
    assert rest[-1][:2] == ("POST", f"/containers/{ID}/start")
    assert (method, path) == ("POST", "/containers/create?name=sophia-redis")
    assert made["Image"] == "redis:7.4.2"
    assert made["Cmd"] == ["redis-server", "/etc/my redis.conf", "--port", "6379"]
    assert sorted(made["Env"]) == ["GREETING=it's me", "PASSWORD=hunter2"]
    assert (made["User"], made["StopTimeout"]) == ("999:999", 90)
    labels = made["Labels"]
    assert len(labels.pop(SPEC_LABEL)) == 64
    assert labels == {
        "io.sophia.cluster": "production",
        "io.sophia.service": "redis",
        "io.sophia.config": "c0ffee",
        "team": "memory",
    }
    assert made["Healthcheck"] == {
        "Test": ["CMD-SHELL", "redis-cli ping | grep -q PONG"],
        "Interval": 10 * 10**9,
        "Timeout": 5 * 10**9,
        "StartPeriod": 60 * 10**9,
        "Retries": 3,
    }
    host = made["HostConfig"]
    assert (host["Memory"], host["NanoCpus"]) == (2 << 30, 1_500_000_000)
    assert (host["NetworkMode"], host["RestartPolicy"]["Name"]) == ("host", "unless-stopped")
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1024, "Hard": 65536}]
    assert host["Mounts"] == [
        {"Type": "bind", "Source": "/data/my redis", "Target": "/data"},
        {"Type": "volume", "Source": "certificates", "Target": "/tls", "ReadOnly": True},
    ]
    assert host["DeviceRequests"][0]["Count"] == -1
    assert host["LogConfig"] == {
        "Type": "json-file",
        "Config": {"max-size": "50m", "max-file": "5"},
    }
    assert "hunter2" not in running.command.text


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (
            docker_run.remove("redis", 90),
            [("POST", "/containers/redis/stop?t=90"), ("DELETE", "/containers/redis")],
        ),
        (
            docker_run.remove("redis", 90, "paused"),
            [
                ("POST", "/containers/redis/unpause"),
                ("POST", "/containers/redis/stop?t=90"),
                ("DELETE", "/containers/redis"),
            ],
        ),
        (docker_run.restart("redis", 90), [("POST", "/containers/redis/restart?t=90")]),
        (docker_run.start("redis", "exited"), [("POST", "/containers/redis/start")]),
        (docker_run.start("redis", "paused"), [("POST", "/containers/redis/unpause")]),
    ],
)
def test_docker_does_what_was_asked_in_order(
    command: Command, asked: list[tuple[str, str]]
) -> None:
    answers = {
        **{f"POST /containers/redis/{verb}": "done" for verb in ("stop", "start", "restart")},
        "POST /containers/redis/unpause": "done",
        "DELETE /containers/redis": "done",
    }
    with docker_daemon(answers) as daemon:
        finished = LocalConnection(variables=daemon.variables).run(command)
    assert finished.exit_status == 0, finished.stderr
    assert [each[:2] for each in daemon.asked] == asked
