"""A real mount of type fuse.sshfs: an empty directory, served by a thread of this process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

_HEADER = struct.Struct("<IIQQIIII")
_ANSWER = struct.Struct("<IiQ")
_GETATTR, _STATFS, _INIT = 3, 17, 26
_ENOENT = 2


class RemoteDisk:
    """Answers what `stat` and `statvfs` of the directory itself ask; all else is not there."""

    @staticmethod
    @contextlib.contextmanager
    def mounted(place: Path) -> Iterator[None]:
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            device = os.open("/dev/fuse", os.O_RDWR)
        except OSError:
            pytest.skip("needs /dev/fuse")
        options = f"fd={device},rootmode=40700,user_id=0,group_id=0".encode()
        if libc.mount(b"host:/home", os.fsencode(place), b"fuse.sshfs", 0, options) != 0:
            os.close(device)
            pytest.skip("needs the right to mount")
        serving = threading.Thread(target=_serve, args=(device,), daemon=True)
        serving.start()
        try:
            yield
        finally:
            libc.umount2(os.fsencode(place), 2)
            serving.join(5)
            os.close(device)


def _serve(device: int) -> None:
    while True:
        try:
            asked = os.read(device, 1 << 17)
        except OSError:
            return  # It is not mounted any more.
        _, operation, unique, *_ = _HEADER.unpack_from(asked)
        body = _answer(operation)
        error = 0 if body is not None else -_ENOENT
        answer = _ANSWER.pack(_ANSWER.size + len(body or b""), error, unique) + (body or b"")
        with contextlib.suppress(OSError):
            os.write(device, answer)


def _answer(operation: int) -> bytes | None:
    if operation == _INIT:
        return struct.pack("<IIIIHHIIHHI7I", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, 0, *[0] * 7)
    if operation == _GETATTR:
        attributes = struct.pack(
            "<QQQQQQIIIIIIIIII", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o040700, 2, 0, 0, 0, 4096, 0
        )
        return struct.pack("<QII", 60, 0, 0) + attributes
    if operation == _STATFS:
        return struct.pack("<QQQQQIII6I", 100, 100, 100, 100, 100, 4096, 255, 4096, *[0] * 7)[:80]
    return None
