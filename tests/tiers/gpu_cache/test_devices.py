from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sophia_cli.errors import ConfigurationError
from sophia_cli.tiers.gpu_cache import GpuCache, Settings
from sophia_cli.tiers.gpu_cache.devices import opener

from .slabs import vectors


def test_torch_is_not_imported_before_the_tier_is_opened() -> None:
    program = (
        "import sys; from sophia_cli.tiers.gpu_cache import GpuCache, Settings, readings;"
        "cache = GpuCache(Settings()); cache.answers.put('q', 'x', 1, epoch=1); cache.stats();"
        "assert 'torch' not in sys.modules;"
        "GpuCache(Settings(device='numpy')).open(8);"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)


def test_without_torch_automatic_means_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sophia_cli.tiers.gpu_cache.devices.find_spec", lambda name: None)
    cache = GpuCache(Settings())
    cache.open(8)
    assert cache.stats().library.startswith("numpy ")


def test_torch_asked_for_and_missing_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "sophia_cli.tiers.gpu_cache.torch_slab", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigurationError) as missing:
        opener("cuda")
    assert "sophia-cli[gpu]" in missing.value.hint


@pytest.mark.parametrize("device", ["cuda:99", "nonsense"])
def test_a_device_that_is_not_there_is_an_error(device: str) -> None:
    pytest.importorskip("torch", reason="the extra gpu is not installed")
    with pytest.raises(ConfigurationError, match=f"torch cannot use {device} here"):
        opener(device)


def test_automatic_means_the_gpu_that_torch_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="the extra gpu is not installed")
    monkeypatch.setattr("sophia_cli.tiers.gpu_cache.devices.gpu_in_sight", lambda: True)
    monkeypatch.setattr("sophia_cli.tiers.gpu_cache.torch_slab.gpu", lambda: "cpu")
    cache = GpuCache(Settings())
    cache.open(8)
    assert cache.stats().library.startswith("torch ")


def test_automatic_means_numpy_where_torch_sees_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="the extra gpu is not installed")
    monkeypatch.setattr("sophia_cli.tiers.gpu_cache.devices.gpu_in_sight", lambda: True)
    monkeypatch.setattr("sophia_cli.tiers.gpu_cache.torch_slab.gpu", lambda: None)
    cache = GpuCache(Settings())
    cache.open(8)
    assert cache.stats().library.startswith("numpy ")


def test_torchs_ways_to_say_out_of_memory_are_known() -> None:
    torch = pytest.importorskip("torch", reason="the extra gpu is not installed")
    from sophia_cli.tiers.gpu_cache.slab import OutOfDeviceMemory
    from sophia_cli.tiers.gpu_cache.torch_slab import _guarded

    for error in [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ]:
        with pytest.raises(OutOfDeviceMemory), _guarded():
            raise error
    with pytest.raises(RuntimeError, match="launch failure"), _guarded():
        raise RuntimeError("CUDA error: unspecified launch failure")


def test_torch_in_half_precision_is_right_to_a_thousandth(monkeypatch: pytest.MonkeyPatch) -> None:
    """float16 as on a GPU, computed by torch on the CPU: the same code but for the device."""
    torch = pytest.importorskip("torch", reason="the extra gpu is not installed")
    from sophia_cli.tiers.gpu_cache.torch_slab import TorchSlab

    slab = TorchSlab(64, 384, torch.device("cpu"))
    monkeypatch.setattr(slab, "rows", slab.rows.half())
    rows = vectors(64, 384)
    slab.write(slice(0, 40), rows[:40])
    slab.write(np.arange(40, 64), rows[40:])
    np.testing.assert_allclose(slab.read(np.array([3, 50])), rows[[3, 50]], atol=1e-3)
    found, slots = slab.best(rows[:5], 64, 1, None)
    assert slots[:, 0].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(found, 1, atol=1e-3)
    for slots in (slice(2, 5), np.array([2, 40, 7])):
        products = slab.products(rows[:2], slots)
        assert products.dtype == np.float32
        np.testing.assert_allclose(products, rows[:2] @ rows[slots].T, atol=2e-3)


@pytest.mark.parametrize("device", ["numpy", "cpu"])
@pytest.mark.parametrize("count", [1, 255, 256, 257, 700])
def test_products_with_rows_that_lie_apart(device: str, count: int) -> None:
    if device == "cpu":
        pytest.importorskip("torch", reason="the extra gpu is not installed")
    rows = vectors(1000, 24)
    slab = opener(device).open(1000, 24)
    slab.write(slice(0, 1000), rows)
    slots = np.random.default_rng(count).permutation(1000)[:count]
    for queries in (rows[:1], rows[:3]):
        products = slab.products(queries, slots)
        np.testing.assert_allclose(products, queries @ rows[slots].T, atol=1e-5)
