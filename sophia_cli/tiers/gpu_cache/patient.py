"""A device that hangs costs one time-out: its calls are made by a thread that can be left behind.

A driver in trouble may keep a call for ever, and no library can cut it short.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sophia_cli.tiers.gpu_cache.slab import Floats, Opener, Slab
from sophia_cli.tiers.gpu_cache.slots import Slots

T = TypeVar("T")

_CALL = 1.0
_OPENING = 60.0


class Hangs(Exception):
    """The device did not come back from a call in time; it is not called again."""


class _Caller:
    """A thread that makes one call after the other; left behind once one does not come back."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._left = ""
        threading.Thread(target=self._work, name="device", daemon=True).start()

    def call(self, what: Callable[[], T], seconds: float) -> T:
        """What the call returns or raises.

        Raises:
            Hangs: it did not do so in time, or an earlier one did not.
        """
        if self._left:
            raise Hangs(self._left)
        future: Future[T] = Future()
        self._calls.put((future, what))
        try:
            return future.result(seconds)
        except TimeoutError:
            if future.done():
                raise  # the call's own
            self._left = f"the device did not answer within {seconds:g} s"
            raise Hangs(self._left) from None

    def _work(self) -> None:
        while not self._left:
            future, what = self._calls.get()
            try:
                future.set_result(what())
            except BaseException as error:
                future.set_exception(error)
            del future, what  # their memory may be the device's


@dataclass(frozen=True, slots=True)
class PatientOpener:
    """Opens slabs of another opener whose calls end in time.

    Attributes:
        seconds: what a call may take; taking the memory, which starts the driver, has a minute.
    """

    opener: Opener
    seconds: float = _CALL

    def row_bytes(self, dimension: int) -> int:
        """Bytes of device memory a row."""
        return self.opener.row_bytes(dimension)

    def open(self, capacity: int, dimension: int) -> Slab:
        """Takes the memory. Raises `OutOfDeviceMemory`, or `Hangs`."""
        caller = _Caller()
        slab = caller.call(lambda: self.opener.open(capacity, dimension), _OPENING)
        return _PatientSlab(slab, caller, self.seconds)


class _PatientSlab:
    """A `Slab` whose calls end in time."""

    def __init__(self, slab: Slab, caller: _Caller, seconds: float) -> None:
        self._slab = slab
        self._caller = caller
        self._seconds = seconds
        self.device = slab.device
        self.library = slab.library
        self.dtype = slab.dtype

    def write(self, slots: Slots, rows: Floats) -> None:
        self._caller.call(lambda: self._slab.write(slots, rows), self._seconds)

    def read(self, slots: Slots) -> Floats:
        return self._caller.call(lambda: self._slab.read(slots), self._seconds)

    def products(self, queries: Floats, slots: Slots) -> Floats:
        return self._caller.call(lambda: self._slab.products(queries, slots), self._seconds)

    def best(
        self, queries: Floats, count: int, k: int, hidden: NDArray[np.bool_] | None
    ) -> tuple[Floats, NDArray[np.intp]]:
        return self._caller.call(lambda: self._slab.best(queries, count, k, hidden), self._seconds)

    def release(self) -> None:
        self._caller.call(self._slab.release, self._seconds)
