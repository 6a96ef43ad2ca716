"""Device memory that is not there, or gives out: simulated by a FAKE device, and once for real."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from sophia_cli.tiers.gpu_cache import GpuCache, Settings
from sophia_cli.tiers.gpu_cache.devices import opener
from sophia_cli.tiers.gpu_cache.slab import OutOfDeviceMemory

from .slabs import DIMENSION, Failing, FakeDevice, vectors

ROW = 4 * DIMENSION


def _opened(device: FakeDevice, capacity: int = 800) -> GpuCache:
    cache = GpuCache(Settings(vector_bytes=capacity * ROW))
    cache.open(DIMENSION, device)
    return cache


def test_a_slab_that_does_not_fit_is_halved_until_it_does() -> None:
    cache = _opened(FakeDevice(room=150))
    stats = cache.stats()
    assert (stats.state, stats.capacity, stats.shrunk) == ("open", 100, 3)
    assert "FAKE: CUDA out of memory" in stats.notes[0]
    assert stats.vectors.budget == 100 * ROW
    assert cache.rows.put(["a"], vectors(1)) == 1


@pytest.mark.parametrize("library", ["numpy", "cpu"])
def test_a_slab_is_never_greater_than_the_memory_of_the_machine(library: str) -> None:
    """Where the system promises any number of bytes, only its end would tell."""
    if library == "cpu":
        pytest.importorskip("torch", reason="the extra gpu is not installed")
    slabs = opener(library)
    with pytest.raises(OutOfDeviceMemory, match=r"bytes are more than the [\d,]+ of this machine"):
        slabs.open(1 << 40, 384)


def test_a_device_without_any_room_is_done_without_and_says_so() -> None:
    cache = _opened(FakeDevice(room=10))
    assert cache.stats().state == "off"
    assert cache.stats().notes[-1] == "there is no room for vectors"
    assert cache.rows.put(["a"], vectors(1)) == 0
    assert cache.rows.get("a") is None
    cache.answers.put("q", "x", 1, epoch=1)
    assert cache.answers.get("q", 1) == "x"


@pytest.mark.parametrize("name", ["write", "best", "products", "read"])
def test_memory_that_gives_out_halves_the_slab_and_keeps_the_hottest(name: str) -> None:
    device = FakeDevice()
    cache = _opened(device)
    kept = vectors(800)
    cache.rows.put(list(range(800)), kept, epoch=1)
    hot = list(range(3, 800, 8))
    cache.similarity(kept[0], hot, epoch=1)
    # A reader tries twice before it gives memory away.
    device.failing = Failing(OutOfDeviceMemory("FAKE"), name, times=1 if name == "write" else 2)
    match name:
        case "write":
            assert cache.rows.put(["new"], vectors(1), epoch=1) == 1
        case "best":
            assert len(cache.top_k(vectors(1), 5, epoch=1)[0]) == 5
        case "products":
            assert np.isfinite(cache.similarity(kept[0], hot, epoch=1)).all()
        case "read":
            np.testing.assert_array_equal(cache.rows.get(hot[0], 1), kept[hot[0]])
    stats = cache.stats()
    assert (stats.state, stats.capacity, stats.shrunk) == ("open", 400, 1)
    assert device.open_slabs == 1
    # They are still the last to leave.
    cache.rows.put([f"n{number}" for number in range(380)], vectors(380), epoch=1)
    for key in hot:
        np.testing.assert_array_equal(cache.rows.get(key, 1), kept[key])
    assert cache.rows.get(hot[0], 2) is None


def test_memory_that_stays_out_ends_in_a_cache_without_vectors() -> None:
    device = FakeDevice()
    cache = _opened(device)
    cache.rows.put(list(range(500)), vectors(500))
    device.failing = Failing(OutOfDeviceMemory("FAKE"), "write", "read", "best")
    assert cache.top_k(vectors(1), 5) == [[]]
    assert cache.rows.put(["a"], vectors(1)) == 0
    assert cache.stats().state == "off"
    assert device.open_slabs == 0


def test_a_broken_device_is_done_without_until_it_is_opened_again() -> None:
    device = FakeDevice()
    cache = _opened(device)
    cache.rows.put(["a"], vectors(1))
    device.failing = Failing(RuntimeError("CUDA error: FAKE launch failure\nmore"), "read")
    assert cache.rows.get("a") is None
    assert cache.stats().state == "off"
    assert cache.stats().notes == ("CUDA error: FAKE launch failure",)
    device.failing = lambda name: None
    cache.open(DIMENSION, device)
    assert cache.stats().state == "open"
    assert cache.rows.put(["a"], vectors(1)) == 1


def test_a_row_whose_erasure_fails_is_gone_all_the_same() -> None:
    device = FakeDevice()
    cache = _opened(device)
    cache.rows.put(["a", "b"], vectors(2))
    device.failing = Failing(OutOfDeviceMemory("FAKE"), "write", times=1)
    assert cache.rows.drop(["a"]) == 1
    assert cache.rows.get("a") is None
    assert cache.rows.get("b") is not None
    assert cache.rows.table.slab is not None
    held = cache.rows.table.slab.read(slice(0, 1))
    np.testing.assert_array_equal(held[0], vectors(2)[1])


@pytest.mark.parametrize("device", ["numpy", "cpu"])
def test_the_real_allocator_running_out_is_survived(device: str) -> None:
    """In a process that may have 1.5 GB of addresses beyond what it has: a slab of 8 GB."""
    if device != "numpy":
        pytest.importorskip("torch", reason="the extra gpu is not installed")
    program = textwrap.dedent(
        """
        import pathlib, resource, sys
        import numpy as np
        from sophia_cli.tiers.gpu_cache import GpuCache, Settings
        from sophia_cli.tiers.gpu_cache.devices import opener
        opens = opener(sys.argv[1])
        np.ones((64, 64), np.float32) @ np.ones((64, 64), np.float32)
        status = pathlib.Path("/proc/self/status").read_text()
        held = int(status.partition("VmSize:")[2].split()[0]) * 1024
        resource.setrlimit(resource.RLIMIT_AS, (held + 1536 * 2**20,) * 2)
        cache = GpuCache(Settings(vector_bytes=8 * 2**30))
        cache.open(4096, opens)
        stats = cache.stats()
        assert stats.state == "open" and stats.shrunk in (3, 4), stats
        rows = np.eye(4096, dtype=np.float32)[:500]
        assert cache.rows.put(list(range(500)), rows) == 500
        assert [best[0][0] for best in cache.top_k(rows, 1)] == list(range(500))
        """
    )
    subprocess.run([sys.executable, "-c", program, device], timeout=100, check=True)
