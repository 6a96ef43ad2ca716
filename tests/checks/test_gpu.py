"""The GPU's checks, before a script in the place of nvidia-smi: no GPU is at hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from sophia_cli.checks.check import Verdict
from tests.checks.breaking import gpu as machine
from tests.checks.conftest import Store
from tests.checks.scenes import worst

Gpu = Callable[..., dict[str, str]]


@pytest.fixture
def gpu(tmp_path: Path) -> Gpu:
    """Makes a machine with a GPU that says these things; returns the variables of who is there."""

    return partial(machine.gpu, tmp_path)


NUMBERS = ("GP-01", "GP-02", "GP-03", "GP-04")


def test_a_machine_without_a_gpu_is_skipped(store: Store) -> None:
    for number in (*NUMBERS, "GP-05", "GP-06"):
        assert worst(store.looks(number)) is Verdict.SKIPPED


def test_a_gpu_that_is_well(store: Store, gpu: Gpu) -> None:
    for number in NUMBERS:
        found = store.looks(number, variables=gpu())
        assert worst(found) is Verdict.PASS, found


@pytest.mark.parametrize(
    ("number", "said", "verdict", "says"),
    [
        ("GP-01", {"before": "echo driver mismatch; exit 18"}, Verdict.FAIL, "driver mismatch"),
        ("GP-02", {"memory__used": "23900"}, Verdict.WARN, "23,900 of 24,000 MiB"),
        (
            "GP-03",
            {"clocks_throttle_reasons__hw_thermal_slowdown": "Active"},
            Verdict.WARN,
            "slowed down",
        ),
        ("GP-04", {"ecc__errors__uncorrected__volatile__total": "3"}, Verdict.FAIL, "errors"),
        ("GP-04", {"remapped_rows__pending": "Yes"}, Verdict.FAIL, "errors"),
    ],
)
def test_a_gpu_that_is_not(
    store: Store, gpu: Gpu, number: str, said: dict[str, str], verdict: Verdict, says: str
) -> None:
    found = store.looks(number, variables=gpu(**said))
    assert worst(found) is verdict, found
    assert says in found[0].says
    assert worst(store.looks(number, variables=gpu())) is Verdict.PASS


def test_a_driver_that_hangs_is_left_alone(
    store: Store, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sophia_cli.checks.nvidia._PATIENCE", 0.3)
    [found] = store.looks("GP-01", variables=gpu(before="sleep 60"))
    assert found.verdict is Verdict.FAIL
    assert "says nothing" in found.says
    for number in NUMBERS[1:]:
        found = store.looks(number, variables=gpu(before="sleep 60"))[0]
        assert found.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("image", "runtime", "verdict"),
    [
        ("qdrant/qdrant:v1.19.0-gpu-nvidia", "", Verdict.FAIL),
        ("qdrant/qdrant:v1.19.0-gpu-nvidia", ',"nvidia":{}', Verdict.PASS),
        ("qdrant/qdrant:v1.19.0", "", Verdict.SKIPPED),
    ],
)
def test_docker_gives_a_gpu_to_containers_that_ask_for_one(
    store: Store, gpu: Gpu, tmp_path: Path, image: str, runtime: str, verdict: Verdict
) -> None:
    variables = gpu()
    machine.docker(tmp_path, image, runtime)
    assert worst(store.looks("GP-05", variables=variables)) is verdict


def test_a_gpu_that_the_configuration_asks_for_is_not_there(store: Store) -> None:
    assert not Path("/dev/nvidiactl").exists()
    found = store.looks("GP-06", variables={"SOPHIA_GPU_CACHE__DEVICE": "cuda"})
    assert worst(found) is Verdict.FAIL
    assert found[0].subject == "gpu_cache.device"
    assert worst(store.looks("GP-06")) is Verdict.SKIPPED
