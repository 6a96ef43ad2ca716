"""Where sophia keeps things: pure functions over strings, for the thin client as for the rest.

Standard library only, and of that only what Python has loaded at start: every import here is paid
by every command.
"""

import os

MYPY = False
if MYPY:
    from collections.abc import Mapping

# A Unix socket's path holds 107 bytes on Linux and 103 on macOS (sun_path less its NUL).
_LONGEST_SOCKET_PATH = 100
_LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"
# libpq takes a comma for a list of hosts, a URL has meanings of its own for `%`, `?` and `#`.
_PLAIN = frozenset("/._- ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


def home_directory(variables: "Mapping[str, str]") -> str:
    """The directory of data, sockets and state: `SOPHIA_HOME`, else the XDG data directory.

    It is absolute, unless there is no `HOME` and the user has no directory either.
    """
    given = variables.get("SOPHIA_HOME")
    if given:
        return os.path.normpath(
            os.path.join(working_directory(variables), os.path.expanduser(given))
        )
    data = variables.get("XDG_DATA_HOME", "")
    if not data.startswith("/"):  # The specification: a relative one is to be ignored.
        data = os.path.join(variables.get("HOME") or os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "sophia")


def working_directory(variables: "Mapping[str, str]") -> str:
    """The working directory; the name that it had when it has been deleted."""
    try:
        return os.getcwd()
    except OSError:
        return variables.get("PWD") or "/"


def socket_directory(home: str) -> str:
    """The directory of the sockets: `run` in the home, or a short one where a socket cannot be.

    The path may be too long, or hold characters that an address has other uses for. The short one
    is `/tmp/sophia-UID-HASH`, made 0700 and refused when somebody else owns it.
    """
    inside = os.path.join(home, "run")
    longest = len(inside) + 1 + len(_LONGEST_SOCKET_NAME)
    if longest <= _LONGEST_SOCKET_PATH and _PLAIN.issuperset(inside):
        return inside
    import zlib  # only such paths pay for it

    checksum = zlib.crc32(os.fsencode(os.path.realpath(home)))
    return f"/tmp/sophia-{os.getuid()}-{checksum:08x}"  # noqa: S108  (owner and mode are checked)


def resident_socket(home: str) -> str:
    """The socket on which the resident process takes commands."""
    return os.path.join(socket_directory(home), "resident.sock")


def rest_socket(home: str) -> str:
    """The socket on which the resident process speaks HTTP."""
    return os.path.join(socket_directory(home), "rest.sock")


def resident_lock(home: str) -> str:
    """The file that the resident process locks for as long as it lives."""
    return os.path.join(home, "locks", "resident.lock")
