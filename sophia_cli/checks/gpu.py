"""GPUs of this machine, as `nvidia-smi` sees them and as the configuration wants them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped, warned
from sophia_cli.checks.nvidia import BROKEN, SLOWED, Silent, gpus, said_by, which

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_FULL = 0.95
_NONE = "there is no NVIDIA GPU here"
_ABSENT = ("", "0", "no", "n/a", "[n/a]", "[not supported]", "not active")


def _driver(scene: Scene) -> Iterator[Finding]:
    if why := _absent(scene):
        yield skipped(why)
        return
    try:
        found = gpus(scene)
    except Silent as error:
        yield failed(error.message, command="nvidia-smi")
        return
    if not found:
        yield failed("the driver sees no GPU")
    for gpu in found:
        name = f"GPU {gpu['index']}"
        yield passed(f"{gpu['name']}, driver {gpu['driver_version']}", name)


def _memory(scene: Scene) -> Iterator[Finding]:
    for name, gpu in _each(scene):
        try:
            used, total = float(gpu["memory.used"]), float(gpu["memory.total"])
        except ValueError:
            yield skipped("it does not tell", name)
            continue
        said = f"{used:,.0f} of {total:,.0f} MiB are used"
        if total and used / total > _FULL:
            yield warned(said, name, f"nvidia-smi: memory.used {used:g}, memory.total {total:g}")
        else:
            yield passed(said, name)
    yield from _nothing(scene)


def _speed(scene: Scene) -> Iterator[Finding]:
    for name, gpu in _each(scene):
        reasons = [field.partition(".")[2] for field in SLOWED if _is_set(gpu.get(field, ""))]
        evidence = f"nvidia-smi: {', '.join(reasons) or 'none'}; {gpu['temperature.gpu']} degrees"
        if reasons:
            yield warned("it is slowed down to protect itself", name, evidence)
        else:
            yield passed("it runs as fast as it may", name, evidence)
    yield from _nothing(scene)


def _memory_errors(scene: Scene) -> Iterator[Finding]:
    for name, gpu in _each(scene):
        wrong = [field for field in BROKEN if _is_set(gpu.get(field, ""))]
        evidence = [f"nvidia-smi: {field}: {gpu[field]}" for field in BROKEN if field in gpu]
        if wrong:
            yield failed("its memory has errors that could not be corrected", name, *evidence)
        else:
            yield passed("its memory has no such errors, or does not count them", name, *evidence)
    yield from _nothing(scene)


def _containers(scene: Scene) -> Iterator[Finding]:
    if why := _absent(scene):
        yield skipped(why)
        return
    docker = which(scene, "docker")
    if docker is None:
        yield skipped("there is no docker here")
        return
    try:
        images = said_by(scene, [docker, "ps", "--format", "{{.Image}}"]).split()
    except Silent as error:
        yield skipped(f"docker does not say what runs: {error.message}")
        return
    wanting = [image for image in images if "gpu" in image.partition(":")[2] or "cuda" in image]
    if not wanting:
        yield skipped("no container here asks for a GPU")
        return
    runtimes = said_by(scene, [docker, "info", "--format", "{{json .Runtimes}}"])
    evidence = (f"containers: {', '.join(wanting)}", f"docker's runtimes: {runtimes.strip()[:200]}")
    hook = which(scene, "nvidia-container-runtime-hook") or which(scene, "nvidia-ctk")
    if "nvidia" not in runtimes and hook is None:
        yield failed("docker cannot give containers a GPU", "", *evidence)
    else:
        yield passed("docker gives containers a GPU", "", *evidence)


def _wanted(scene: Scene) -> Iterator[Finding]:
    config = scene.loaded.config
    devices = [
        ("gpu_cache.device", config.gpu_cache.device, config.gpu_cache.vectors),
        ("embedding.device", config.embedding.device, config.embedding.provider == "torch"),
    ]
    wanting = [(key, device) for key, device, used in devices if used and device[:4] in _DEVICES]
    if not wanting:
        yield skipped("the configuration asks for no GPU")
        return
    from sophia_cli.bench.machine import gpu

    there, name = gpu()
    for key, device in wanting:
        evidence = f"{key}: {device}; torch: {there or name}"
        if there is None or not device.startswith(there):
            reason = name if there is None else f"it is {there}"
            yield failed(f"{device} is not there: {reason}", key, evidence)
        else:
            yield passed(f"{device} is there: {name}", key, evidence)


_DEVICES = ("cuda", "mps")


def _each(scene: Scene) -> Iterator[tuple[str, dict[str, str]]]:
    if not _absent(scene):
        for gpu in gpus(scene):
            yield f"GPU {gpu['index']}", gpu


def _nothing(scene: Scene) -> Iterator[Finding]:
    if why := _absent(scene):
        yield skipped(why)


def _absent(scene: Scene) -> str:
    """Why there is nothing to look at; empty where there is a driver or its program."""
    there = which(scene, "nvidia-smi") or Path("/dev/nvidiactl").exists()
    return "" if there else _NONE


def _is_set(said: str) -> bool:
    return said.strip().lower() not in _ABSENT


CHECKS: tuple[Check, ...] = (
    Check(
        "GP-01",
        "The driver answers",
        Severity.CRITICAL,
        "Asks nvidia-smi for the GPUs and the driver. After an upgrade of the driver without a "
        "restart, or when a GPU has fallen off the bus, it fails or hangs.",
        "restart the machine; `nvidia-smi` and `dmesg` say more",
        _driver,
    ),
    Check(
        "GP-02",
        "Each GPU has memory left",
        Severity.SERIOUS,
        "Compares used and total memory by all processes; above 95 % the next allocation fails.",
        "lower gpu_cache.vector_memory, or see with `nvidia-smi` who has it",
        _memory,
    ),
    Check(
        "GP-03",
        "No GPU is slowed down",
        Severity.MINOR,
        "Looks whether heat, the power supply or the hardware holds the clock down. Waiting for "
        "work and a power limit that somebody set do not count.",
        "see to cooling and power",
        _speed,
    ),
    Check(
        "GP-04",
        "No GPU's memory is damaged",
        Severity.CRITICAL,
        "Looks for errors that ECC could not correct and for rows or pages that wait to be taken "
        "out of use. What is computed there may be wrong.",
        "restart the machine; have the GPU replaced when it comes back",
        _memory_errors,
    ),
    Check(
        "GP-05",
        "Docker gives containers a GPU",
        Severity.SERIOUS,
        "Where a container here is of an image for GPUs, looks whether docker has NVIDIA's "
        "runtime. Without it Qdrant builds its index on the processor and says nothing.",
        "install nvidia-container-toolkit: nvidia-ctk runtime configure --runtime=docker",
        _containers,
    ),
    Check(
        "GP-06",
        "The GPU that the configuration asks for is there",
        Severity.SERIOUS,
        "Where gpu_cache.device or embedding.device names a GPU, looks whether torch sees it. "
        "Without it the tier keeps no vectors, and a torch embedder does not start.",
        "pip install 'sophia-cli[gpu]', or set the device to auto",
        _wanted,
        timeout=10.0,
    ),
)
