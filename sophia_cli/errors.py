"""The errors sophia knows: each has a code, a message, a hint and an exit status.

They are raised where the cause is known and rendered in one place (`app.run`). A message says what
is wrong and where; a hint says what to do next. Neither ever holds a secret or a memory's content.
"""

from __future__ import annotations

from sophia_cli.exit_status import ExitStatus


class SophiaError(Exception):
    """The base: something a user can understand and act on.

    Args:
        message: what is wrong, and where, in one line.
        hint: the next step, in one line; empty when there is none.
    """

    code = "failed"
    exit_status = ExitStatus.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInput(SophiaError):
    """What the user gave cannot be used: a blank text, a date that is none, a tag without `=`."""

    code = "invalid_input"
    exit_status = ExitStatus.USAGE


class ConfigurationError(SophiaError):
    """A configuration file, variable or option that cannot be used."""

    code = "configuration"
    exit_status = ExitStatus.USAGE


class NotFound(SophiaError):
    """The thing asked for by name or id is not there."""

    code = "not_found"


class Unreachable(SophiaError):
    """A tier, engine or process did not answer; what was asked of it may or may not be done."""

    code = "unreachable"
    exit_status = ExitStatus.UNREACHABLE


class Refused(SophiaError):
    """A safety rail said no: another model's store, somebody else's directory, a newer store."""

    code = "refused"
    exit_status = ExitStatus.REFUSED


class Unauthorized(SophiaError):
    """Nobody that is known: no token, or one that is unknown, revoked or over."""

    code = "unauthorized"
    exit_status = ExitStatus.REFUSED


class Forbidden(SophiaError):
    """Known, and not allowed to do this; says nothing of what is there."""

    code = "forbidden"
    exit_status = ExitStatus.REFUSED


class Conflict(SophiaError):
    """What it was to change is not as the caller last saw it."""

    code = "conflict"


class RateLimited(SophiaError):
    """Too many requests in too short a time. `seconds` until there is room again."""

    code = "rate_limited"

    def __init__(self, message: str, hint: str = "", *, seconds: float = 1.0) -> None:
        super().__init__(message, hint)
        self.seconds = seconds


class TooLarge(SophiaError):
    """More than is taken at once."""

    code = "too_large"
    exit_status = ExitStatus.USAGE


class OutOfSpace(SophiaError):
    """The disk is full; nothing that was acknowledged is lost."""

    code = "out_of_space"


class Interrupted(SophiaError):
    """The user stopped the command; what was acknowledged before stays."""

    code = "interrupted"
    exit_status = ExitStatus.INTERRUPTED


class TierDown(Unreachable):
    """One tier cannot serve. `tier` names it; callers that can do without it say `degraded`.

    Args:
        tier: `records`, `vectors`, `hot_cache` or `embedding`.
        message: the cause in one line.
    """

    code = "tier_down"

    def __init__(self, tier: str, message: str, hint: str = "") -> None:
        super().__init__(f"{tier}: {message}", hint)
        self.tier = tier


class TextRefused(TierDown):
    """The embedder answers and will not take one of these texts; the others may fare better."""
