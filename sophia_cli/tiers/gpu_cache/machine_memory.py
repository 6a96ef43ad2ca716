"""How much memory this machine has: the bound of a slab that lives in it."""

from __future__ import annotations

import os

from sophia_cli.tiers.gpu_cache.slab import OutOfDeviceMemory


def check_room(size: int) -> None:
    """Makes sure that this machine has `size` bytes of memory at all.

    A system that overcommits (`vm.overcommit_memory` 1, as Redis advises) promises any number of
    bytes, and kills a process once they are used.

    Raises:
        OutOfDeviceMemory: it has less.
    """
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # a system that does not tell refuses by itself
        return
    if size > there:
        raise OutOfDeviceMemory(f"{size:,} bytes are more than the {there:,} of this machine")
