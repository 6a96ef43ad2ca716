"""The playbooks of phases 0, 2, 3 and 4: every step can be built, on every host that it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.ops.gates.registry import GATES, GUARDS
from sophia_cli.ops.inventory.model import Inventory, Role
from sophia_cli.ops.operations import registry
from sophia_cli.ops.operations.operation import Operation
from tests.ops.phases import stage

PLAYBOOKS = {"0-prepare": 0, "2-memory": 2, "3-service": 3, "4-production": 4}
_AROUND = {"name", "on", "order", "guard", "when"}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "wheel": {"sophia": {"package": "./dist/sophia_cli-0.1.0-py3-none-any.whl"}},
    "bounded": {
        "redis": {"limits": {"memory": "2gb", "cpus": 2}},
        "postgres": {
            "memory": "8gb",
            "tls_certificate_file": "pg.crt",
            "tls_key_file": "pg.key",
        },
        "sophia": {"limits": {"memory": "4gb", "cpus": 1.5}, "package": "sophia-cli==0.2.0"},
        "grafana": {"enabled": False},
    },
}


def hosts_of(on: str, of: Inventory) -> list[str]:
    if on == "all":
        return list(of.hosts)
    first, _, role = on.rpartition(" ")
    names = list(of.with_role(Role(role)))
    assert first in ("", "first")
    return names[:1] if first else names


def built(name: str, variant: str, **facts: Any) -> Iterator[tuple[str, str, Operation]]:
    """Each operation of a playbook with the host and the step's name."""
    of = stage.inventory(**VARIANTS[variant])
    written: dict[str, dict[str, bytes]] = {}
    for step in stage.playbook(name)["steps"]:
        [kind] = set(step) - _AROUND
        for host in hosts_of(step["on"], of):
            files = written.setdefault(host, {})
            values = stage.context(of, host, **facts)
            values["digest"] = stage.digests(files)
            values["template"] = lambda source, values=values: stage.template(source, values)
            if not stage.value(step.get("when", True), values):
                continue
            if kind == "gate":
                assert step["gate"] in GATES
                continue
            arguments = stage.value(step[kind], values)
            operation = kind
            if kind == "template":
                arguments["content"] = stage.template(arguments.pop("source"), values)
                operation = "file"
            elif "source" in arguments:
                arguments["content"] = f"content of {arguments.pop('source')}"
            if operation == "file":
                files[arguments["path"]] = arguments["content"].encode()
            yield host, step["name"], registry.build(operation, arguments)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", PLAYBOOKS)
@pytest.mark.parametrize("gpu", [None, "NVIDIA GH200"])
def test_every_step_can_be_built(name: str, variant: str, gpu: str | None) -> None:
    steps = list(built(name, variant, gpu=gpu))
    assert steps
    for host, step, operation in steps:
        assert operation.title, (host, step)
        # A secret is in files alone, never in what is shown or seen in a list of processes.
        if type(operation).__name__ != "File":
            for secret in stage.SECRETS.values():
                assert secret not in repr(operation), (host, step)
        elif any(secret.encode() in operation.content for secret in stage.SECRETS.values()):  # type: ignore[attr-defined]
            assert operation.secret and operation.mode in ("0400", "0600"), (host, step)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_says_what_it_is_and_names_no_step_twice(name: str) -> None:
    playbook = stage.playbook(name)
    assert set(playbook) == {"phase", "number", "title", "steps"}
    assert (playbook["number"], playbook["phase"]) == (PLAYBOOKS[name], name.split("-")[1])
    names = [step["name"] for step in playbook["steps"]]
    assert len(set(names)) == len(names)
    assert all(step.get("guard", "qdrant") in GUARDS for step in playbook["steps"])


@pytest.mark.parametrize("name", ["2-memory", "3-service", "4-production"])
def test_every_directory_is_made_before_a_file_is_put_into_it(name: str) -> None:
    there = {host: {"/etc/sophia"} for host in stage.HOSTS}
    for host, step, operation in built(name, "wheel"):
        path = getattr(operation, "path", None)
        if type(operation).__name__ == "Directory":
            parts = Path(str(path))
            there[host] |= {str(parts), *map(str, parts.parents)}
        elif type(operation).__name__ == "File":
            assert str(Path(str(path)).parent) in there[host], (host, step)


def test_a_container_is_made_anew_when_a_file_that_configures_it_changes() -> None:
    def digests(secret: str) -> dict[str, str]:
        before = dict(stage.SECRETS)
        stage.SECRETS["redis-password"] = secret
        try:
            steps = list(built("2-memory", "plain"))
        finally:
            stage.SECRETS.update(before)
        return {
            operation.name: operation.config_digest  # type: ignore[attr-defined]
            for _, _, operation in steps
            if type(operation).__name__ == "DockerContainer"
        }

    one, two = digests("a" * 43), digests("b" * 43)
    assert one["sophia-redis"] != two["sophia-redis"]
    assert one["sophia-postgres"] == two["sophia-postgres"]


def test_what_a_host_without_a_gpu_gets_has_nothing_of_nvidias() -> None:
    with_gpu = [step for _, step, _ in built("0-prepare", "plain", gpu="NVIDIA GH200")]
    without = [step for _, step, _ in built("0-prepare", "plain")]
    assert any("NVIDIA" in step for step in with_gpu)
    assert not any("NVIDIA" in step or "GPU" in step for step in without)


def test_every_secret_of_a_playbook_is_one_that_the_tests_know() -> None:
    named = set()
    for path in [*(stage.ROOT / "playbooks").glob("*.yaml"), *(stage.ROOT / "configs").rglob("*")]:
        if path.is_file():
            named |= set(re.findall(r"secrets\[['\"]([a-z-]+)['\"]\]", path.read_text()))
    assert named <= set(stage.SECRETS)
