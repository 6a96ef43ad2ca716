"""Who may write to the embedded records of a home: each process registers for as long as it may.

What a process read of the records holds until somebody writes. It knows of its own writes; that
no other process has written since, it learns here, in two microseconds and without asking
PostgreSQL.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys

from sophia_cli.engines import failure
from sophia_cli.home import Home

_TOLD = sys.platform == "linux"
# struct flock there, on 64 bits: type, whence, start, length, pid.
_FLOCK = struct.Struct("hhqqi4x")
_ALL = (os.SEEK_SET, 0, 0, 0)


class Writers:
    """A place among those who may write, held from before the first write to after the last.

    Locks of an open file description tell whether another one holds the file without taking it;
    the file grows by one byte with each that comes, so that none comes and goes unseen. On
    systems other than Linux nobody is ever alone.

    Args:
        home: whose records.
    """

    def __init__(self, home: Home) -> None:
        path = home.locks / "writers.lock"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags, 0o600)
            # Held before it is counted, and counted before anything is written.
            if _TOLD:
                shared = _FLOCK.pack(fcntl.F_RDLCK, *_ALL)
                fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, shared)
            os.write(self._descriptor, b".")
        except OSError as error:
            raise failure.of_system(error, path) from error

    def alone(self) -> int | None:
        """How many have come so far, if no other is here now; None while one may write.

        Two equal numbers: nobody else may have written between the two calls.
        """
        if not _TOLD:
            return None
        asked = _FLOCK.pack(fcntl.F_WRLCK, *_ALL)
        found = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, asked)
        if _FLOCK.unpack(found)[0] != fcntl.F_UNLCK:
            return None
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Leaves."""
        os.close(self._descriptor)
