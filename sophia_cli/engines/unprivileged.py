"""Runs a program as an ordinary user in a user namespace of its own: PostgreSQL refuses root.

Inside, the process is user 65534 ("nobody"); outside it is still the user who started it, so its
files belong to that user and no other account can read them. The process id stays the same: the
program replaces this script. Standard library only, as it runs under `python -I -S`.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

BLOCKED = 77
"""The exit code that says that user namespaces are not to be had here."""

_CLONE_NEWUSER = 0x10000000
_NOBODY = 65534


def command(arguments: list[str]) -> list[str]:
    """The argument list that runs `arguments`, the program's absolute path first, this way."""
    return [sys.executable, "-I", "-S", __file__, *arguments]


def enter_namespace() -> None:
    """Moves this process into a new user namespace, as a user without privileges.

    Raises:
        OSError: the kernel or a sandbox does not allow it.
    """
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        raise OSError("this system has no user namespaces")
    if libc.unshare(_CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{_NOBODY} {group} 1")


if __name__ == "__main__":
    try:
        enter_namespace()
    except OSError as error:
        sys.stderr.write(f"user namespaces are blocked: {error.strerror or error}\n")
        sys.exit(BLOCKED)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606  (replacing this process is the purpose)
