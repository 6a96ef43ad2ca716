"""A slab on one of torch's devices: float16 on a GPU, float32 on a CPU.

This module imports torch; nobody imports it before the tier is opened.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from sophia_cli.errors import ConfigurationError
from sophia_cli.tiers.gpu_cache.gathering import Gathering
from sophia_cli.tiers.gpu_cache.machine_memory import check_room
from sophia_cli.tiers.gpu_cache.slab import Floats, OutOfDeviceMemory
from sophia_cli.tiers.gpu_cache.slots import Slots

# CUDA raises a class of its own; the others say it in a RuntimeError.
_SAYINGS = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")


class TorchSlab:
    """A `Slab` in a tensor.

    Attributes:
        rows: the tensor, (capacity, dimension).
    """

    library = f"torch {torch.__version__}"

    def __init__(self, capacity: int, dimension: int, device: torch.device) -> None:
        self.device, self._gathering = _name(device), Gathering(dimension)
        self.dtype = "float32" if device.type == "cpu" else "float16"
        if device.type == "cpu":
            check_room(capacity * dimension * 4)
        with _guarded():
            self.rows = torch.empty(
                (capacity, dimension), dtype=getattr(torch, self.dtype), device=device
            )

    def write(self, slots: Slots, rows: Floats) -> None:
        """Writes rows."""
        with _guarded():
            if isinstance(slots, slice):
                self.rows[slots].copy_(torch.from_numpy(rows))
            else:
                self.rows.index_copy_(0, self._indices(slots), self._sent(rows))

    def read(self, slots: Slots) -> Floats:
        """A copy of rows."""
        with _guarded():
            if isinstance(slots, slice):
                return _fetched(self.rows[slots].clone())
            return _fetched(self.rows.index_select(0, self._indices(slots)))

    def products(self, queries: Floats, slots: Slots) -> Floats:
        """Dot products, (queries, slots)."""
        with _guarded():
            if isinstance(slots, slice):
                return _fetched(_product(self._sent(queries), self.rows[slots]))
            if self.rows.dtype == torch.float32:  # on a CPU
                # NumPy gathers in half the time, and torch's threads wait for each other: 8 ms.
                return self._gathering.products(queries, self.rows.numpy(), slots)
            gathered = self.rows.index_select(0, self._indices(slots))
            return _fetched(_product(self._sent(queries), gathered))

    def best(
        self, queries: Floats, count: int, k: int, hidden: NDArray[np.bool_] | None
    ) -> tuple[Floats, NDArray[np.intp]]:
        """The greatest products of each query."""
        with _guarded():
            products = _product(self._sent(queries), self.rows[:count])
            if hidden is not None:
                mask = torch.from_numpy(hidden).to(self.rows.device)
                products.masked_fill_(mask, -torch.inf)
            found, slots = torch.topk(products, k, dim=1)
            return _fetched(found), slots.cpu().numpy().astype(np.intp, copy=False)

    def release(self) -> None:
        """Gives the memory back to the device, not only to torch's own pool."""
        kind = self.rows.device.type
        del self.rows
        if kind == "cuda":
            torch.cuda.empty_cache()
        elif kind == "mps":
            torch.mps.empty_cache()

    def _sent(self, rows: Floats) -> torch.Tensor:
        return torch.from_numpy(rows).to(self.rows.device, self.rows.dtype)

    def _indices(self, slots: NDArray[np.intp]) -> torch.Tensor:
        return torch.from_numpy(slots).to(self.rows.device)


class TorchOpener:
    """Opens slabs on a device.

    Raises:
        ConfigurationError: torch cannot use that device here.
    """

    def __init__(self, device: str) -> None:
        try:
            self._device = torch.device(device)
            with _guarded():
                torch.empty(1, device=self._device)
        except OutOfDeviceMemory:
            pass  # it is there; the slab itself will shrink
        except (RuntimeError, AssertionError) as error:
            raise ConfigurationError(
                f"the GPU cache: torch cannot use {device} here", "set its device to auto"
            ) from error

    def row_bytes(self, dimension: int) -> int:
        """2 bytes a number on a GPU, 4 on a CPU."""
        return (4 if self._device.type == "cpu" else 2) * dimension

    def open(self, capacity: int, dimension: int) -> TorchSlab:
        """Takes the memory."""
        return TorchSlab(capacity, dimension, self._device)


def gpu() -> str | None:
    """The GPU that torch sees."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def _product(sent: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    # Matrix by vector is its own, quicker routine.
    return torch.mv(rows, sent[0]).unsqueeze(0) if len(sent) == 1 else sent @ rows.T


def _fetched(tensor: torch.Tensor) -> Floats:
    array: Floats = tensor.to("cpu", torch.float32).numpy()
    return array


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"Apple GPU {platform.machine()}" if device.type == "mps" else str(device)


@contextmanager
def _guarded() -> Iterator[None]:
    """Runs without gradients; says `OutOfDeviceMemory` where torch says it in one of its ways."""
    try:
        with torch.inference_mode():
            yield
    except torch.OutOfMemoryError as error:
        raise OutOfDeviceMemory(str(error)) from error
    except RuntimeError as error:
        if any(saying in str(error).lower() for saying in _SAYINGS):
            raise OutOfDeviceMemory(str(error)) from error
        raise
