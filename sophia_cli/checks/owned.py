"""Whether files and directories are the user's own, and nobody else's to read or write."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from sophia_cli.checks.check import Finding, failed


def open_to_others(path: Path) -> Iterator[Finding]:
    """Yields what is wrong with a path that is to be open to its owner alone.

    Raises:
        OSError: it cannot be looked at.
    """
    status = path.lstat()
    mode = stat.S_IMODE(status.st_mode)
    named = str(path)
    if status.st_uid not in (os.geteuid(), 0):
        yield failed(
            "it belongs to somebody else",
            named,
            f"{path}: of user {status.st_uid}, mode {mode:04o}; we are user {os.geteuid()}",
            command=f"chown {os.geteuid()} {shlex.quote(named)}",
        )
    elif mode & 0o077 and not stat.S_ISLNK(status.st_mode):
        wanted = 0o700 if stat.S_ISDIR(status.st_mode) else 0o600
        yield failed(
            "others may open it",
            named,
            f"{path}: mode {mode:04o}",
            command=f"chmod {wanted:o} {shlex.quote(named)}",
        )
