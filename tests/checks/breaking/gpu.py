"""A script in the place of nvidia-smi, for machines without a GPU.

It answers what the real one answers, as far as it is asked here, and fails on anything else.
"""

from __future__ import annotations

from pathlib import Path

WELL = {
    "index": "0",
    "name": "NVIDIA Stand-in",
    "driver_version": "570.86",
    "memory.used": "1000",
    "memory.total": "24000",
    "temperature.gpu": "45",
    "clocks_throttle_reasons.hw_slowdown": "Not Active",
    "clocks_throttle_reasons.hw_thermal_slowdown": "Not Active",
    "clocks_throttle_reasons.hw_power_brake_slowdown": "Not Active",
    "clocks_throttle_reasons.sw_thermal_slowdown": "Not Active",
    "ecc.errors.uncorrected.volatile.total": "0",
    "remapped_rows.pending": "No",
    "remapped_rows.failure": "No",
    "retired_pages.pending": "[N/A]",
}
_NVIDIA_SMI = """#!/bin/sh
# A stand-in for nvidia-smi, for tests.
{before}
case "$2" in --format=csv,noheader,nounits) ;; *) echo "unexpected $2"; exit 9 ;; esac
line=
for field in $(echo "${{1#--query-gpu=}}" | tr , ' '); do
  case "$field" in
{cases}
  *) echo "Field \\"$field\\" is not a valid field to query."; exit 2 ;;
  esac
  line="${{line:+$line, }}$value"
done
echo "$line"
"""
_DOCKER = """#!/bin/sh
# A stand-in for docker, for tests.
case "$*" in
"ps --format {{{{.Image}}}}") echo {image} ;;
"info --format {{{{json .Runtimes}}}}") echo '{{"runc":{{}}{runtime}}}' ;;
*) echo "unexpected $*"; exit 9 ;;
esac
"""


def program(folder: Path, name: str, text: str) -> dict[str, str]:
    """Puts a program there; returns the variables of who finds it."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def gpu(folder: Path, before: str = "", **said: str) -> dict[str, str]:
    """A machine with a GPU that says these things; returns the variables of who is there."""
    values = WELL | {name.replace("__", "."): value for name, value in said.items()}
    cases = "\n".join(f"  {name}) value='{value}' ;;" for name, value in values.items())
    return program(folder, "nvidia-smi", _NVIDIA_SMI.format(before=before, cases=cases))


def docker(folder: Path, image: str, runtime: str = "") -> None:
    """A docker in which one container runs; its runtimes are runc and, as JSON, what is given."""
    program(folder, "docker", _DOCKER.format(image=image, runtime=runtime))
