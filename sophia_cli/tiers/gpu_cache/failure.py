"""What a device's exception said."""

from __future__ import annotations

from dataclasses import dataclass

from sophia_cli.tiers.gpu_cache.slab import OutOfDeviceMemory


@dataclass(frozen=True, slots=True)
class Failure:
    """Kept in place of the exception, whose traceback would keep a slab's memory from being freed.

    Attributes:
        of_memory: there was no room; otherwise the device is broken.
        text: its first line.
    """

    of_memory: bool
    text: str


def failure_of(error: Exception) -> Failure:
    """What matters of an exception."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return Failure(isinstance(error, OutOfDeviceMemory | MemoryError), text)
