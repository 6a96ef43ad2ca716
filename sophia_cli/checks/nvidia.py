"""What `nvidia-smi` and its like say, asked within a time."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sophia_cli.errors import SophiaError

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_PATIENCE = 5.0
_FIELDS = ("index", "name", "driver_version", "memory.used", "memory.total", "temperature.gpu")
SLOWED = (
    "clocks_throttle_reasons.hw_slowdown",
    "clocks_throttle_reasons.hw_thermal_slowdown",
    "clocks_throttle_reasons.hw_power_brake_slowdown",
    "clocks_throttle_reasons.sw_thermal_slowdown",
)
BROKEN = (
    "ecc.errors.uncorrected.volatile.total",
    "remapped_rows.pending",
    "remapped_rows.failure",
    "retired_pages.pending",
)


class Silent(SophiaError):
    """A program is not there, fails, or hangs."""


def gpus(scene: Scene) -> list[dict[str, str]]:
    """Every GPU: what it says, by the name of the field; without those that the driver lacks.

    Raises:
        Silent: the driver does not answer.
    """
    return scene.once("gpus", lambda: _read(scene))


def _read(scene: Scene) -> list[dict[str, str]]:
    program = which(scene, "nvidia-smi")
    if program is None:
        raise Silent("there is a driver, and no nvidia-smi to ask it")
    fields = list(_FIELDS)
    found = _asked(scene, program, fields)
    # A driver that does not know a field refuses the question as a whole.
    for more in ([*SLOWED], *([field] for field in BROKEN)):
        try:
            rows = _asked(scene, program, ["index", *more])
        except Silent:
            continue
        by_index = {row["index"]: row for row in rows}
        found = [gpu | by_index.get(gpu["index"], {}) for gpu in found]
    return found


def _asked(scene: Scene, program: str, fields: Sequence[str]) -> list[dict[str, str]]:
    arguments = [program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    said = said_by(scene, arguments)
    rows = list(csv.reader(said.splitlines(), skipinitialspace=True))
    if any(len(row) != len(fields) for row in rows):
        raise Silent("nvidia-smi answers another question than was asked")
    return [dict(zip(fields, row, strict=True)) for row in rows]


def said_by(scene: Scene, arguments: Sequence[str]) -> str:
    """What a program says.

    Raises:
        Silent: it fails, or says nothing within five seconds: a driver in trouble may keep it.
    """
    name = Path(arguments[0]).name
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env=dict(scene.invocation.environment.variables),
        )
    except OSError as error:
        raise Silent(f"{name}: {error.strerror}") from error
    try:
        said, _ = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        raise Silent(f"{name} says nothing within {_PATIENCE:g} s") from error
    if process.returncode:
        reason = " ".join(said.split())[:200] or f"exit code {process.returncode}"
        raise Silent(f"{name}: {reason}")
    return said


def which(scene: Scene, program: str) -> str | None:
    """Where a program is, by the user's own PATH; None where it is not."""
    return shutil.which(program, path=scene.invocation.environment.variables.get("PATH"))
