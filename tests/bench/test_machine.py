from __future__ import annotations

import getpass
import importlib.util
import json
import platform
import sys
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest

from sophia_cli.bench import machine
from sophia_cli.bench.machine import gpu, this_machine
from sophia_cli.bench.scenarios import SCENARIOS


def test_the_description_says_what_the_figures_depend_on() -> None:
    found = this_machine()
    assert found.cores >= 1 and found.processor and found.memory_gb > 0.1
    assert found.versions.keys() >= {"sophia", "onnxruntime", "qdrant-edge-py", "numpy"}


def test_the_description_names_no_host_no_user_and_no_path() -> None:
    written = json.dumps(asdict(this_machine()))
    assert "/home" not in written and "/root" not in written
    for name in (platform.node(), getpass.getuser()):
        assert f'"{name}"' not in written and f" {name} " not in written


def _torch(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    """A torch that answers what is asked of it here, and nothing else."""
    fake: Any = SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: cuda, get_device_name=lambda: "A GPU of theirs"),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )
    monkeypatch.setitem(sys.modules, "torch", fake)
    monkeypatch.setattr(machine, "find_spec", lambda name: object())
    monkeypatch.setattr(machine, "gpu_in_sight", lambda: True)


@pytest.mark.parametrize(
    ("cuda", "mps", "found"),
    [
        (True, False, ("cuda", "A GPU of theirs")),
        (False, True, ("mps", "Apple GPU")),
        (False, False, (None, "torch sees no GPU")),
    ],
)
def test_a_gpu_is_what_torch_sees(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, found: tuple[str | None, str]
) -> None:
    _torch(monkeypatch, cuda=cuda, mps=mps)
    assert gpu() == found


def test_without_torch_it_is_said_and_torch_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert gpu() == (None, "torch is not installed")
    [skipped] = SCENARIOS["gpu"].run(None)  # type: ignore[arg-type]
    assert skipped.reason == "no GPU here, torch is not installed"  # type: ignore[union-attr]
    assert "torch" not in sys.modules


def test_where_no_gpu_is_in_sight_torch_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: object())
    monkeypatch.setattr(machine, "gpu_in_sight", lambda: False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert gpu() == (None, "no driver of one is loaded")


def test_a_torch_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: object())
    monkeypatch.setattr(machine, "gpu_in_sight", lambda: True)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert gpu()[1].startswith("torch does not load: ")
    assert this_machine().gpu.startswith("none, torch does not load")


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_the_measurements_of_a_gpu_run_on_any_device() -> None:
    from sophia_cli.bench.scenarios.gpu import measurements

    assert len(list(measurements("cpu"))) == 1
