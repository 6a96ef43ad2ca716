"""Memory that this process holds and does not need: given back to the machine."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path

# malloc.h, and sys/mman.h from Linux 5.4 on: neither is in Python.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_MADV_NORMAL = 0
_MADV_RANDOM = 1
_MADV_DONTNEED = 4
_MADV_PAGEOUT = 21


def return_large_blocks() -> None:
    """From now on a block of 1 MiB or more goes back to the machine when it is freed.

    Left to itself, glibc raises that bound with use. An ingest of 10,000 memories then leaves 30 MB
    in holes that `return_freed_memory` cannot reach. Embedding takes at most 3 % longer.
    """
    mallopt = _glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 20)
        mallopt(_M_TRIM_THRESHOLD, 16 << 20)  # or each batch would give its memory back


def return_freed_memory() -> None:
    """Gives back what glibc holds free for this process: 50 MB after loading the model.

    Takes 1 to 5 ms and lets other threads run meanwhile.
    """
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def page_out(directory: Path) -> None:
    """Takes the mapped files of a directory out of memory; the next access reads them again.

    For files that are written and not read again, such as a log. What has not been synced to the
    disk stays. Does nothing where the kernel cannot.
    """
    _advise(directory, _MADV_PAGEOUT)


def let_go(directory: Path) -> None:
    """Takes the mapped files of a directory out of this process; the system's cache keeps them.

    For files that are read again now and then. Only of mappings that are shared: of another one,
    what was written there would be lost.
    """
    _advise(directory, _MADV_DONTNEED, b"s")


def read_in_order(directory: Path) -> None:
    """What is mapped of a directory to be written is read from one end to the other: well ahead."""
    _advise(directory, _MADV_NORMAL, b"w")


def read_at_random(directory: Path) -> None:
    """Of what is mapped of a directory to be written a page is read here and there, alone."""
    _advise(directory, _MADV_RANDOM, b"w")


def _advise(directory: Path, advice: int, right: bytes = b"") -> None:
    """Advises on the mapped files of a directory, or on those mappings that have a right."""
    madvise = _glibc("madvise")
    if madvise is None:
        return
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    with contextlib.suppress(OSError), Path("/proc/self/maps").open("rb") as maps:
        inside = f"{directory}/".encode()
        for line in maps:
            addresses, rights, *_, path = line.split(maxsplit=5)
            if path.startswith(inside) and right in rights:
                start, end = (int(each, 16) for each in addresses.split(b"-"))
                madvise(start, end - start, advice)


def _glibc(name: str) -> ctypes._NamedFuncPointer | None:
    """A function of the C library on Linux; musl lacks some of them."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
