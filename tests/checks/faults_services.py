"""Faults of what runs on the hosts: docker, containers, units, the GPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sophia_cli.checks.hosts.asked_services import Gpu, Units
from sophia_cli.checks.hosts.containers import Containers
from tests.checks.faults import FAIL, GONE, UNKNOWN, WARN, fault
from tests.checks.hosts.texts import container, unit
from tests.checks.world import INVENTORY, World
from tests.ops.qdrant.recorded import DEAD


@fault(
    "a container is killed",
    GONE | {"HO-10": FAIL},
    "sophia-qdrant is exited, ended with 137 for want of memory",
)
def _(world: World) -> None:
    world.is_silent("node2", DEAD)
    host = INVENTORY.hosts["node2"]
    ended = {"status": "exited", "exit": 137, "oom": True, "health": ""}
    world.prints("node2", Containers, container(INVENTORY, host, "sophia-qdrant", **ended))


@fault(
    "docker does not answer",
    {"HO-09": FAIL, "HO-10": UNKNOWN, "QD-36": UNKNOWN},
    "docker does not answer",
)
def _(world: World) -> None:
    said = "Cannot connect to the Docker daemon.\ndocker did not do it\n"
    world.prints("node1", Containers, said)


@fault("docker hangs", {"HO-09": FAIL, "HO-10": UNKNOWN, "QD-36": UNKNOWN})
def _(world: World) -> None:
    world.prints("node1", Containers, ("", 124))


@fault("a container is not there", {"HO-10": FAIL}, "sophia-redis is not there")
def _(world: World) -> None:
    def without(usual: str) -> str:
        return "\n".join(line for line in usual.splitlines() if "sophia-redis" not in line)

    world.prints("node4", Containers, without)


@fault("a container is unhealthy", {"HO-10": FAIL}, "sophia-postgres runs and is unhealthy")
def _(world: World) -> None:
    world.prints("node4", Containers, _changed("sophia-postgres", health="unhealthy"))


@fault(
    "a container is started again and again",
    {"HO-12": WARN},
    "sophia-grafana was started anew 7 times, last 30 s ago",
)
def _(world: World) -> None:
    from tests.checks.hosts.texts import when

    changed = _changed("sophia-grafana", restarts=7, started=when(-30), health="starting")
    world.prints("node4", Containers, changed)


@fault("a peer that could not join at first, just deployed", {})
def _(world: World) -> None:
    from tests.checks.hosts.texts import when

    again = {"restarts": 4, "created": when(-60), "started": when(-20)}
    host = INVENTORY.hosts["node1"]
    world.prints("node1", Containers, container(INVENTORY, host, "sophia-qdrant", **again))


@fault("a unit has failed", {"HO-11": FAIL}, "sophia.service is failed (failed)")
def _(world: World) -> None:
    world.prints("node4", Units, _unit_of("sophia.service", active="failed", sub="failed"))


@fault("a unit is gone", {"HO-11": FAIL}, "docker.service is not-found")
def _(world: World) -> None:
    world.prints("node4", Units, _unit_of("docker.service", load="not-found", active="inactive"))


@fault("a unit does not start after a reboot", {"HO-11": WARN}, "runs, and not after a reboot")
def _(world: World) -> None:
    world.prints("node4", Units, _unit_of("sophia.service", file="disabled"))


@fault("a unit is started again and again", {"HO-12": WARN}, "was started anew 5 times")
def _(world: World) -> None:
    world.prints("node4", Units, _unit_of("sophia.service", restarts=5, entered=86390.0))


@fault("the GPU is one in software", {"QD-34": FAIL}, "llvmpipe")
def _(world: World) -> None:
    world.prints("node3", Gpu, "there\nINFO gpu::device: Create GPU device llvmpipe (LLVM 15)\n")


@fault("the GPU's driver does not answer", {"QD-34": FAIL}, "driver of its GPU does not answer")
def _(world: World) -> None:
    world.prints("node3", Gpu, "INFO gpu::device: Create GPU device NVIDIA L4\n")


@fault("the GPU is not used", {"QD-34": WARN}, "its log does not say that it uses the GPU")
def _(world: World) -> None:
    world.prints("node3", Gpu, "there\n")


@fault(
    "another image runs", {"QD-36": FAIL}, "image qdrant/qdrant:v1.15.0, not qdrant/qdrant:v1.19.0"
)
def _(world: World) -> None:
    world.prints("node1", Containers, _changed("sophia-qdrant", image="qdrant/qdrant:v1.15.0"))


@fault(
    "a volume hides the server", {"QD-36": FAIL}, "is mounted at /qdrant, over the server itself"
)
def _(world: World) -> None:
    host = INVENTORY.hosts["node1"]
    mounts = [("bind", "/data/qdrant", "/qdrant")]
    world.prints("node1", Containers, container(INVENTORY, host, "sophia-qdrant", mounts=mounts))


def _changed(name: str, **changes: Any) -> Callable[[str], str]:
    """The usual containers, one of them otherwise."""

    def change(usual: str) -> str:
        lines = [json.loads(line) for line in usual.splitlines()]
        for line in lines:
            if line["name"] == f"/{name}":
                line.update(changes)
        return "".join(json.dumps(line) + "\n" for line in lines)

    return change


def _unit_of(name: str, **changes: Any) -> Callable[[str], str]:
    """The usual units of node4, one of them otherwise."""
    names = ["docker.service", "sophia.service", "sophia-firewall-redis.service"]

    def change(usual: str) -> str:
        uptime, _, rest = usual.partition("\n")
        blocks = rest.split("\n\n")
        blocks[names.index(name)] = unit(**changes).rstrip("\n")
        return uptime + "\n" + "\n\n".join(blocks)

    return change
