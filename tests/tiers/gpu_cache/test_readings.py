"""A STAND-IN for `nvidia-smi`: a script that prints what the real one prints. No GPU is read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sophia_cli.tiers.gpu_cache.readings import Gpu, readings

ARGUMENTS = (
    "--query-gpu=index,name,memory.used,memory.total,utilization.gpu,temperature.gpu,power.draw"
    " --format=csv,noheader,nounits"
)


def _standin(directory: Path, body: str) -> list[str]:
    script = directory / "nvidia-smi"
    script.write_text(f'#!/bin/sh\n[ "$*" = "{ARGUMENTS}" ] || exit 64\n{body}\n')
    script.chmod(0o755)
    return [str(script)]


def test_each_gpu_is_read(tmp_path: Path) -> None:
    command = _standin(
        tmp_path,
        "echo '0, NVIDIA H100 80GB HBM3, 1024, 81559, 37, 41, 118.25'\n"
        "echo '1, Tesla T4, [N/A], 15360, [Not Supported], 50, [N/A]'",
    )
    read = readings(command)
    assert read.note == ""
    assert read.gpus == (
        Gpu(0, "NVIDIA H100 80GB HBM3", 1024 << 20, 81559 << 20, 37, 41, 118.25),
        Gpu(1, "Tesla T4", None, 15360 << 20, None, 50, None),
    )


def test_no_nvidia_smi_is_no_reading_and_no_complaint(tmp_path: Path) -> None:
    read = readings([str(tmp_path / "nvidia-smi")])
    assert (read.gpus, read.note) == ((), "")


def test_a_driver_that_is_not_there_is_told(tmp_path: Path) -> None:
    command = _standin(
        tmp_path, 'echo "NVIDIA-SMI has failed because it couldn\'t communicate"; exit 9'
    )
    assert readings(command).note == (
        "nvidia-smi: NVIDIA-SMI has failed because it couldn't communicate"
    )


@pytest.mark.parametrize("said", ["garbage", "0, name", "a, b, c, d, e, f, g", ""])
def test_garbage_is_no_reading(tmp_path: Path, said: str) -> None:
    read = readings(_standin(tmp_path, f"echo '{said}'"))
    assert read.gpus == ()
    assert read.note.startswith("nvidia-smi: ")


def test_a_driver_that_hangs_costs_the_timeout_and_no_more(tmp_path: Path) -> None:
    start = time.monotonic()
    told = tmp_path / "pid"
    read = readings(_standin(tmp_path, f"echo $$ > {told}; sleep 60; sleep 60"), timeout=0.5)
    assert read.note == "nvidia-smi: no answer within 0.5 s"
    assert time.monotonic() - start < 5
    while Path(f"/proc/{told.read_text().strip()}").exists():
        assert time.monotonic() - start < 10
        time.sleep(0.05)
