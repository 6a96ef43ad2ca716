"""Why an engine did not start: the cause in one line, from its log, its exit code and the disk."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from sophia_cli.engines.unprivileged import BLOCKED
from sophia_cli.errors import OutOfSpace, SophiaError, Unreachable

_TAIL_BYTES = 16 << 10
_FULL_BELOW_BYTES = 1 << 20
_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_SEVERE = re.compile(r"(?:FATAL|PANIC|ERROR|error):\s+(?P<cause>.*)")
_VALKEY_PREFIX = re.compile(r"^\d+:[A-Z] \d+ \w+ \d+ [\d:.]+ [-.*#] ")


def of_server(title: str, log: Path, since: int, code: int | None, seconds: float) -> SophiaError:
    """The error for a server that ended or did not answer.

    Args:
        title: the server's name.
        log: its log file.
        since: the log's size in bytes before this attempt; older lines say nothing about it.
        code: its exit code; None when it is alive but silent.
        seconds: how long it was waited for.
    """
    words = last_words(log, since)
    hint = f"its log is {log}"
    if code == BLOCKED:  # first: the kernel calls a limit of namespaces "No space left" too
        return SophiaError(
            f"{title} refuses to run as root, and {words}",
            "run sophia as an ordinary user, or set records.url to a server of your own",
        )
    if _FULL.search(words) or _disk_is_full(log.parent):
        return out_of_space(log.parent)
    if code is None:
        return Unreachable(f"{title} did not answer within {seconds:g} s: {words}", hint)
    return Unreachable(f"{title} did not start: {words}", hint)


def of_system(error: OSError, directory: Path) -> SophiaError:
    """The error for a file or program that the system did not let us use."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return out_of_space(directory)
    return SophiaError(
        f"{error.filename or directory}: {error.strerror or error}",
        "check its owner and mode, or set SOPHIA_HOME to another directory",
    )


def out_of_space(directory: Path) -> OutOfSpace:
    """The error for a full disk."""
    return OutOfSpace(f"{directory}: the disk is full", "free some space and run it again")


def last_words(log: Path, since: int) -> str:
    """The last severe line that was logged after `since` bytes, else the last line at all."""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            start = since if since <= size else 0  # a smaller log is a new one
            stream.seek(max(start, size - _TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        text = ""
    severe = _SEVERE.findall(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if severe:
        return str(severe[-1]).strip()
    return _VALKEY_PREFIX.sub("", lines[-1]) if lines else "it logged nothing"


def _disk_is_full(directory: Path) -> bool:
    try:
        disk = os.statvfs(directory)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _FULL_BELOW_BYTES
