"""What the peers' containers are made of: image, mounts, and the GPU that should be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sophia_cli.checks.check import (
    Check,
    Finding,
    Severity,
    failed,
    passed,
    skipped,
    unknown,
    warned,
)
from sophia_cli.checks.hosts.asked import NotTold
from sophia_cli.checks.hosts.asked_services import Gpu, GpuState
from sophia_cli.checks.hosts.services import containers_of
from sophia_cli.checks.hosts.told import Told, all_told
from sophia_cli.checks.qdrant.hearing import Hearing
from sophia_cli.checks.qdrant.sources import hearing
from sophia_cli.errors import SophiaError
from sophia_cli.ops.facts.docker import Docker
from sophia_cli.ops.inventory.model import Host, Inventory, Role
from sophia_cli.ops.qdrant.asks import Answer
from sophia_cli.ops.qdrant.container import CONTAINER

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_NO_HOSTS = "the configuration names no hosts with the role qdrant"
_HIDES = "/qdrant"
"""What is mounted there hides the server itself."""


def _on_each(
    look: Callable[[Inventory, Hearing, Told], Iterator[Finding]],
    without: str,
    applies: Callable[[Host], bool] = lambda _: True,
) -> Callable[[Scene], Iterator[Finding]]:
    """A look at each host with a peer.

    Args:
        applies: whether the look surely applies to a host that tells nothing.
    """

    def looked(scene: Scene) -> Iterator[Finding]:
        read = scene.inventory
        heard = hearing(scene)
        if read is None or isinstance(heard, str) or not read.inventory.with_role(Role.QDRANT):
            yield skipped(_NO_HOSTS)
            return
        found = False
        for name, said in all_told(scene):
            if Role.QDRANT not in read.inventory.hosts[name].roles:
                continue
            if isinstance(said, SophiaError):
                if not applies(read.inventory.hosts[name]):
                    continue
                found = True
                yield unknown(said.message.removeprefix(f"{name}: "), name)
                continue
            for finding in look(read.inventory, heard, said):
                found = True
                yield finding
        if not found:
            yield skipped(without)

    return looked


def _made_right(inventory: Inventory, _: Hearing, said: Told) -> Iterator[Finding]:
    state = containers_of(said)
    if isinstance(state, NotTold) or state.docker is not Docker.ANSWERS:
        why = state.reason if isinstance(state, NotTold) else f"docker {state.docker}"
        yield unknown(why, said.name)
        return
    found = state.by_name.get(CONTAINER)
    if found is None:
        yield unknown(f"there is no container {CONTAINER}: see HO-10", said.name)
        return
    service = inventory.services.qdrant
    wanted = service.gpu_image if _wants_gpu(said) else service.image
    wrong: list[str] = []
    if found.image != wanted:
        wrong.append(f"image {found.image}, not {wanted}")
    if _HIDES in found.mounts:
        wrong.append(f"{found.mounts[_HIDES]} is mounted at {_HIDES}, over the server itself")
    for name in ("storage", "snapshots"):
        source, target = f"{service.data_dir}/{name}", f"/qdrant/{name}"
        if found.mounts.get(target) != source:
            at = found.mounts.get(target, "nothing")
            wrong.append(f"{at} is mounted at {target}, not {source}")
    evidence = [f"docker: {found.image}"]
    evidence += [f"docker: {source} at {target}" for target, source in sorted(found.mounts.items())]
    if wrong:
        yield failed("; ".join(wrong), said.name, *evidence)
    else:
        yield passed(f"{found.image}, its storage outside", said.name, *evidence)


def _wants_gpu(said: Told) -> bool:
    if said.host.gpu is not None:
        return said.host.gpu
    state = said.of(Gpu(CONTAINER))
    return isinstance(state, GpuState) and state.there


def _gpu(_: Inventory, heard: Hearing, said: Told) -> Iterator[Finding]:
    if said.host.gpu is False:
        return
    state = said.of(Gpu(CONTAINER))
    if isinstance(state, NotTold):
        if said.host.gpu:
            yield unknown(state.reason, said.name)
        return
    if not _wants_gpu(said):
        return
    built = _built_for_gpu(heard, said.name)
    evidence = [f"log: {line}" for line in state.lines]
    if not state.there:
        yield failed("the driver of its GPU does not answer", said.name)
    elif built is False:
        yield failed("its server was built without GPU", said.name, "/telemetry: gpu is false")
    elif any("llvmpipe" in line for line in state.lines):
        yield failed("it computes on llvmpipe, a GPU in software", said.name, *evidence)
    elif any("NVIDIA" in line for line in state.lines):
        yield passed("it indexes on the GPU", said.name, *evidence)
    else:
        yield warned("its log does not say that it uses the GPU", said.name, *evidence)


def _built_for_gpu(heard: Hearing, host: str) -> bool | None:
    said = heard.each("/telemetry?details_level=3").get(host)
    result = said.result if isinstance(said, Answer) else None
    features = ((result or {}).get("app") or {}).get("features") or {}
    return bool(features["gpu"]) if "gpu" in features else None


CHECKS: tuple[Check, ...] = (
    Check(
        "QD-34",
        "A GPU that is there is used",
        Severity.MINOR,
        "Looks on hosts with a GPU whether the driver answers, whether the server was built for "
        "one, and whether its log says that it found it. It starts without a GPU, or with one in "
        "software, and says no word.",
        "`sophia deploy prepare qdrant` installs NVIDIA's toolkit and takes the image for GPUs",
        _on_each(_gpu, "no host has a GPU for Qdrant", lambda host: bool(host.gpu)),
        timeout=11.0,
    ),
    Check(
        "QD-36",
        "Every peer runs the pinned image, its data outside",
        Severity.SERIOUS,
        "Compares the container's image with the inventory's, and its mounts: storage and "
        "snapshots must be the host's directories. What is not mounted is gone with the container, "
        "and a mount at /qdrant hides the server.",
        "sophia deploy qdrant",
        _on_each(_made_right, "no host runs a peer"),
        timeout=11.0,
    ),
)
