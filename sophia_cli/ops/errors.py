"""What can go wrong on a host; every message names the host, and a step where there is one."""

from __future__ import annotations

from sophia_cli.errors import Refused, SophiaError, Unreachable


class HostUnreachable(Unreachable):
    """No connection came about: nothing was asked of the host."""

    code = "host_unreachable"


class OutcomeUnknown(Unreachable):
    """The connection was lost, or the time was over, while a command ran: it may be done or not.

    It is never taken for a success or a failure; what it was to bring about is looked up again.
    """

    code = "outcome_unknown"


class CommandFailed(SophiaError):
    """A command ended with another status than 0."""

    code = "command_failed"


class HostKeyRefused(Refused):
    """The host's key is not pinned, or is another one than the pinned."""

    code = "host_key"


class SudoRefused(Refused):
    """sudo wants a password that was not given, or does not take the one that was."""

    code = "sudo"


class GateFailed(SophiaError):
    """A gate did not open: what comes after it is not done."""

    code = "gate"
