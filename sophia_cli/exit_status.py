"""The exit codes of the command line: one enum, the contract with scripts and schedulers."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """What a command's exit code means; documented in docs/contract.md."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNHEALTHY = 3
    UNREACHABLE = 4
    REFUSED = 5
    PARTLY_DONE = 6
    INTERRUPTED = 130
