"""What a GPU says about itself: torch's account of its memory, and `nvidia-smi`."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

_MIB = 1 << 20
_FIELDS = (
    "index",
    "name",
    "memory.used",
    "memory.total",
    "utilization.gpu",
    "temperature.gpu",
    "power.draw",
)


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as `nvidia-smi` sees it; None for what this model does not tell.

    Attributes:
        memory_used, memory_total: bytes, by all processes.
        utilization: percent of the last moments in which it worked.
        temperature: degrees Celsius.
        power: watts.
    """

    index: int
    name: str
    memory_used: int | None
    memory_total: int | None
    utilization: float | None
    temperature: float | None
    power: float | None


@dataclass(frozen=True, slots=True)
class TorchMemory:
    """The current CUDA device's memory, in bytes.

    Attributes:
        allocated: held by this process's tensors.
        reserved: taken from the device by this process, with what torch holds in stock.
        free, total: of the device, whoever uses it.
    """

    allocated: int
    reserved: int
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Readings:
    """All of it. `note` says why there is nothing from `nvidia-smi` where it is installed."""

    gpus: tuple[Gpu, ...] = ()
    torch: TorchMemory | None = None
    note: str = ""


def readings(command: Sequence[str] = ("nvidia-smi",), timeout: float = 2.0) -> Readings:
    """Reads them now; nothing, without a note, on a machine without a GPU.

    Args:
        command: what is run as `nvidia-smi`.
        timeout: seconds it may take; a driver in trouble may keep it for ever.
    """
    try:
        process = subprocess.Popen(
            [*command, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError:
        return Readings(torch=_torch())
    try:
        said, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _abandon(process)
        return Readings(torch=_torch(), note=f"nvidia-smi: no answer within {timeout:g} s")
    try:
        if process.returncode:
            raise ValueError(" ".join(said.split())[:200] or f"exit code {process.returncode}")
        gpus = tuple(_gpu(row) for row in csv.reader(said.splitlines(), skipinitialspace=True))
    except ValueError as error:
        return Readings(torch=_torch(), note=f"nvidia-smi: {error}")
    return Readings(gpus, _torch())


def _abandon(process: subprocess.Popen[str]) -> None:
    """Ends it without waiting: a process that waits for a driver cannot be killed yet."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout is not None:
        process.stdout.close()
    threading.Thread(target=process.wait, name="nvidia-smi", daemon=True).start()


def _gpu(row: Sequence[str]) -> Gpu:
    if len(row) != len(_FIELDS):
        raise ValueError(f"{len(_FIELDS)} values were asked for, {len(row)} came")
    used, total, utilization, temperature, power = map(_number, row[2:])
    return Gpu(
        index=int(row[0]),
        name=row[1],
        memory_used=None if used is None else int(used * _MIB),
        memory_total=None if total is None else int(total * _MIB),
        utilization=utilization,
        temperature=temperature,
        power=power,
    )


def _number(said: str) -> float | None:
    """None for `[N/A]`, `[Not Supported]` and their like."""
    return None if said.startswith("[") or said == "N/A" else float(said)


def _torch() -> TorchMemory | None:
    """Only where something else has imported torch."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    try:
        free, total = torch.cuda.mem_get_info()
        return TorchMemory(torch.cuda.memory_allocated(), torch.cuda.memory_reserved(), free, total)
    except RuntimeError:
        return None
