"""Which library holds the rows: torch on a GPU, NumPy without one, or what was chosen."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from sophia_cli.errors import ConfigurationError
from sophia_cli.tiers.gpu_cache.numpy_slab import NumpyOpener
from sophia_cli.tiers.gpu_cache.patient import PatientOpener
from sophia_cli.tiers.gpu_cache.slab import Opener

_GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # NVIDIA, AMD, either under WSL


def opener(device: str) -> Opener:
    """What opens slabs on `device`: `auto`, `numpy`, or one of torch's.

    Importing torch takes seconds and 200 MB; it happens here and nowhere else. On a CPU it is not
    even quicker than NumPy (docs/gpu-cache.md), so `auto` asks it only where there may be a GPU.

    Raises:
        ConfigurationError: there is no such device, or torch is asked for and not installed.
    """
    if device == "numpy" or (device == "auto" and not (find_spec("torch") and gpu_in_sight())):
        return NumpyOpener()
    try:
        from sophia_cli.tiers.gpu_cache.torch_slab import TorchOpener, gpu
    except (ImportError, OSError) as error:
        raise ConfigurationError(
            f"the GPU cache: torch, for the device {device}, cannot be loaded",
            "pip install 'sophia-cli[gpu]', or set its device to numpy",
        ) from error
    if device == "auto":
        device = gpu() or ""
    if not device:
        return NumpyOpener()
    found = TorchOpener(device)
    return found if device == "cpu" else PatientOpener(found)


def gpu_in_sight() -> bool:
    """Whether there may be a GPU that torch can use; told without torch."""
    return sys.platform == "darwin" or any(Path(device).exists() for device in _GPUS)
