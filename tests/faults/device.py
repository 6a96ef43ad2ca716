"""A device of the GPU tier that can fail, hang and lie: rows in NumPy, with a behaviour to set."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from sophia_cli.tiers.gpu_cache.numpy_slab import NumpyOpener
from sophia_cli.tiers.gpu_cache.slab import Slab

_HANGS = 30.0


class Device:
    """Opens slabs that behave as `behaviour` says: `down`, `slow`, `lying`, or as they should."""

    def __init__(self) -> None:
        self.behaviour = ""
        self.misbehaved = 0
        self._numpy = NumpyOpener()

    def row_bytes(self, dimension: int) -> int:
        return self._numpy.row_bytes(dimension)

    def open(self, capacity: int, dimension: int) -> Slab:
        return _Slab(self, self._numpy.open(capacity, dimension))


class _Slab:
    def __init__(self, device: Device, slab: Slab) -> None:
        self._device = device
        self._slab = slab
        self.device, self.library, self.dtype = slab.device, slab.library, slab.dtype

    def __getattr__(self, name: str) -> Callable[..., Any]:
        honest = getattr(self._slab, name)

        def call(*arguments: Any) -> Any:
            behaviour = self._device.behaviour
            self._device.misbehaved += bool(behaviour)
            if behaviour == "down":
                raise RuntimeError("the device is lost")
            if behaviour == "slow":
                threading.Event().wait(_HANGS)
            told = honest(*arguments)
            if behaviour == "lying" and isinstance(told, np.ndarray):
                return np.full_like(told, 7.0)
            return told

        return call
