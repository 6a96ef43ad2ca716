from __future__ import annotations

import dataclasses
import subprocess
import sys
from datetime import timedelta

import pytest
import yaml

from sophia_cli.ops.operations.container import DockerContainer
from sophia_cli.ops.operations.registry import (
    OPERATIONS,
    Argument,
    WrongArguments,
    arguments,
    build,
)


def test_arguments_say_which_must_be_given() -> None:
    assert arguments("directory") == [
        Argument("path", required=True),
        Argument("owner", required=False),
        Argument("group", required=False),
        Argument("mode", required=False),
        Argument("parents", required=False),
    ]
    required = {
        name: [each.name for each in arguments(name) if each.required] for name in OPERATIONS
    }
    assert required == {
        "container": ["name", "image"],
        "directory": ["path"],
        "file": ["path", "content"],
        "firewall": ["name", "ports"],
        "image": ["reference"],
        "packages": [],
        "python_environment": ["path", "requirement"],
        "script": ["name", "run", "check"],
        "systemd_unit": ["name"],
        "user": ["name"],
        "wipe": [],
    }


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_argument_is_described(name: str) -> None:
    """Those whose name and default say it all are not."""
    told = {"path", "name", "image", "command", "network", "restart", "labels", "ulimits", "sudo"}
    told |= {"shell", "secret", "mode", "service", "group", "names", "ports", "containers"}
    text = OPERATIONS[name].__doc__ or ""
    for field in dataclasses.fields(OPERATIONS[name]):
        assert field.name in told or f"{field.name}:" in text or f"`{field.name}`" in text


def test_values_keep_the_types_of_the_configuration() -> None:
    built = build(
        "container",
        {
            "name": "redis",
            "image": "redis:7.4.2",
            "stop_timeout": timedelta(seconds=90),
            "mounts": ("/data:/data",),
            "cpus": 2,
        },
    )
    assert isinstance(built, DockerContainer)
    assert (built.stop_timeout, built.mounts) == (timedelta(seconds=90), ("/data:/data",))


@pytest.mark.parametrize("text", ["60", "60s", "1m"])
def test_a_time_may_be_written_in_each_way_of_the_configuration(text: str) -> None:
    built = build("container", {"name": "redis", "image": "redis:7.4.2", "stop_timeout": text})
    assert isinstance(built, DockerContainer)
    assert built.stop_timeout == timedelta(seconds=60)


def test_everything_that_is_wrong_is_said_at_once_and_no_value_with_it() -> None:
    with pytest.raises(WrongArguments) as wrong:
        build("file", {"pth": "/x", "content": ["hunter2"], "owner": "hunter2 x", "mode": 0o640})
    assert [name for name, _ in wrong.value.problems] == ["pth", "path", "content", "owner", "mode"]
    assert "hunter2" not in str(wrong.value)
    assert "\n" not in str(wrong.value)
    assert str(wrong.value).startswith(
        "file: pth: no such argument; did you mean path?; path: must"
    )


def test_an_argument_like_no_other_lists_those_that_there_are() -> None:
    with pytest.raises(WrongArguments, match="known are path, owner, group, mode, parents"):
        build("directory", {"path": "/data", "zzz": 1})


@pytest.mark.parametrize(
    ("written", "owner"),
    [("owner: 999", "999"), ("owner: '0999'", "0999"), ("owner: redis", "redis")],
)
def test_an_owner_may_be_written_as_a_number(written: str, owner: str) -> None:
    built = build("directory", {"path": "/data", **yaml.safe_load(written)})
    assert getattr(built, "owner", None) == owner


def test_an_operation_that_nobody_knows_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        build("reboot", {})


def test_no_operation_brings_ssh_along() -> None:
    asked = (
        "import sys; import sophia_cli.ops.operations.registry; print('paramiko' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.strip() == "False", ended.stderr
