"""This machine's memory, as far as this process may have it."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped, warned

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_MIB = 1 << 20
_LITTLE, _TOO_LITTLE = 512 * _MIB, 128 * _MIB
_GROUP = Path("/sys/fs/cgroup")


def _memory(_: Scene) -> Iterator[Finding]:
    limits = dict(_limits())
    if not limits:
        yield skipped("this system does not say how much memory is free")
        return
    evidence = [f"{who}: {left // _MIB:,} MiB" for who, left in limits.items()]
    who, left = min(limits.items(), key=lambda each: each[1])
    if left < _TOO_LITTLE:
        yield failed(f"{left // _MIB} MiB are left ({who})", "", *evidence)
    elif left < _LITTLE:
        yield warned(f"{left // _MIB} MiB are left ({who})", "", *evidence)
    else:
        yield passed(f"{left // _MIB:,} MiB are left", "", *evidence)


def _limits() -> Iterator[tuple[str, int]]:
    """What is left by the word of each who may say no, bytes."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        yield "the machine", int(line.split()[1]) << 10
    with contextlib.suppress(OSError, ValueError):
        most = int((_GROUP / "memory.max").read_text())
        used = int((_GROUP / "memory.current").read_text())
        # What it read from files goes as soon as the memory is wanted.
        lines = (_GROUP / "memory.stat").read_text().splitlines()
        cached = sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
        yield "the container", max(0, most - used + cached)
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        with contextlib.suppress(OSError, ValueError):
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            yield "the limit of this process", max(0, soft - pages * resource.getpagesize())


MEMORY: tuple[Check, ...] = (
    Check(
        "MA-03",
        "There is memory left",
        Severity.SERIOUS,
        "Looks at what the machine has available, at the container's limit and at the limit of "
        "this process; the smallest counts. The model takes some 170 MB, the resident process "
        "about twice that; with less than 128 MiB left the system may end one of the engines.",
        "close what else runs here, or raise the limit",
        _memory,
    ),
)
