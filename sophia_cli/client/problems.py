"""What a server answers, read: an envelope, or the error that it says, as the one it was there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from sophia_cli.errors import (
    Conflict,
    Interrupted,
    RateLimited,
    SophiaError,
    TextRefused,
    TierDown,
    Unreachable,
)

_Maker = Callable[[str, str], SophiaError]


def envelope_of(response: httpx.Response) -> Mapping[str, Any]:
    """The JSON object of a good answer.

    Raises:
        SophiaError: that the server says; `Unreachable` where it is no sophia.
    """
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        if response.is_success:
            return body
        if isinstance(code := body.get("code"), str):
            seconds = response.headers.get("retry-after", "")
            raise error_of(code, str(body.get("detail", "")), str(body.get("hint", "")), seconds)
    raise foreign(response)


def foreign(response: httpx.Response) -> Unreachable:
    """The error for an answer that is none of sophia's; nothing of it is quoted."""
    return Unreachable(
        f"{response.request.url.host}: {response.status_code}, and no answer of sophia's",
        "check the URL: it is that of a resident process's REST service",
    )


def error_of(code: str, message: str, hint: str, seconds: str = "") -> SophiaError:
    """The error of this code; of a code that this version does not know, a plain one with it.

    Args:
        seconds: after which it is worth trying again, where the server said so.
    """
    if code == RateLimited.code:
        wait = float(seconds) if seconds.isascii() and seconds.isdigit() else 1.0
        return RateLimited(message, hint, seconds=wait)
    if code == TierDown.code:
        tier, _, cause = message.partition(": ")
        return TierDown(tier, cause, hint)
    made = _MAKERS.get(code, SophiaError)(message, hint)
    made.code = code if type(made) is SophiaError else made.code
    return made


def _known(kind: type[SophiaError]) -> Iterator[type[SophiaError]]:
    for each in kind.__subclasses__():
        if each.__module__ == SophiaError.__module__:
            yield each
            yield from _known(each)


_MAKERS: Mapping[str, _Maker] = {
    each.code: each
    for each in _known(SophiaError)
    if not issubclass(each, TierDown | RateLimited | TextRefused | Interrupted)
} | {
    # HTTP's word for it, where the version was named by If-Match.
    "precondition_failed": Conflict
}
