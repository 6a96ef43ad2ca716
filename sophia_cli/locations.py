"""Where sophia keeps things: pure functions over strings, for the thin client as for the rest.

Standard library only, and of that only what Python has loaded at start: every import here is paid
by every command.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

# A Unix socket's path holds 107 bytes on Linux and 103 on macOS (sun_path less its NUL).
_LONGEST_SOCKET_PATH = 100
_LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"


def home_directory(variables: Mapping[str, str]) -> str:
    """The directory of data, sockets and state: `SOPHIA_HOME`, else the XDG data directory."""
    given = variables.get("SOPHIA_HOME")
    if given:
        return os.path.abspath(os.path.expanduser(given))
    user_home = variables.get("HOME") or os.path.expanduser("~")
    data = variables.get("XDG_DATA_HOME") or os.path.join(user_home, ".local", "share")
    return os.path.join(data, "sophia")


def socket_directory(home: str) -> str:
    """The directory of the sockets: `run` in the home, or a short one where that is too long.

    The short one is `/tmp/sophia-UID-HASH`, made 0700 and refused when somebody else owns it.
    """
    inside = os.path.join(home, "run")
    if len(os.fsencode(os.path.join(inside, _LONGEST_SOCKET_NAME))) <= _LONGEST_SOCKET_PATH:
        return inside
    import zlib  # only long paths pay for it

    checksum = zlib.crc32(os.fsencode(os.path.realpath(home)))
    return f"/tmp/sophia-{os.getuid()}-{checksum:08x}"  # noqa: S108  (owner and mode are checked)


def resident_socket(home: str) -> str:
    """The socket on which the resident process takes commands."""
    return os.path.join(socket_directory(home), "resident.sock")
