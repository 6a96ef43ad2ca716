"""A device that hangs, fails or lies: bounded, survived, never believed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from sophia_cli.tiers.gpu_cache import GpuCache, Settings
from sophia_cli.tiers.gpu_cache.patient import Hangs, PatientOpener
from tests.faults.device import Device

UNIT = np.eye(4, dtype=np.float32)


@pytest.fixture
def device() -> Device:
    return Device()


def opened(device: Device) -> GpuCache:
    cache = GpuCache(Settings(vector_bytes=1 << 16))
    cache.open(4, PatientOpener(device, 0.2))
    assert cache.rows.put(["a", "b"], UNIT[:2]) == 2
    return cache


def test_it_changes_nothing_of_a_device_that_works(device: Device) -> None:
    cache = opened(device)
    assert cache.rows.get("b").tolist() == UNIT[1].tolist()
    assert cache.rows.similarity(UNIT[0], ["a", "b"]).tolist() == [1, 0]
    assert cache.rows.top_k(UNIT[:1], 1) == [[("a", 1.0)]]
    assert cache.stats().device == "cpu"
    cache.close()


def test_a_device_that_hangs_costs_its_time_out_once(device: Device) -> None:
    cache = opened(device)
    device.behaviour = "slow"
    began = time.monotonic()
    assert cache.rows.get("a") is None
    assert time.monotonic() - began < 10
    assert not cache.is_open
    assert "did not answer within 0.2 s" in cache.stats().notes[-1]
    assert cache.rows.put(["c"], UNIT[:1]) == 0
    device.behaviour = ""
    cache.open(4, PatientOpener(device, 0.2))
    assert cache.rows.put(["c"], UNIT[:1]) == 1


def test_a_call_after_one_that_hangs_is_not_made(device: Device) -> None:
    slab = PatientOpener(device, 0.1).open(64, 4)
    device.behaviour = "slow"
    with pytest.raises(Hangs):
        slab.read(slice(0, 1))
    device.behaviour = ""
    with pytest.raises(Hangs):
        slab.read(slice(0, 1))


def test_what_the_device_raises_comes_through(device: Device) -> None:
    slab = PatientOpener(device).open(64, 4)
    device.behaviour = "down"
    with pytest.raises(RuntimeError, match="the device is lost"):
        slab.write(slice(0, 1), UNIT[:1])


def test_a_similarity_that_no_cosine_can_be_is_none(device: Device) -> None:
    cache = opened(device)
    cache.answers.put("answer", "told", 10, epoch=1, scope="s", asked="a")
    assert cache.nearest_question(UNIT[0], "s", 1, 0.9) is not None
    device.behaviour = "lying"
    assert cache.nearest_question(UNIT[0], "s", 1, 0.9) is None
