"""Where a memory is, how long it is waited for, and when a call is tried again.

A connection that was refused has carried nothing: any call is tried again. One that was lost on the
way may have carried it: only what may be repeated is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from sophia_cli import __version__
from sophia_cli.client.calls import Call
from sophia_cli.client.resident import arrive
from sophia_cli.errors import ConfigurationError, Unreachable
from sophia_cli.home import Home
from sophia_cli.locations import rest_socket

TIMEOUT = 30.0
"""How long an answer is waited for unless told otherwise, seconds."""
_CONNECT_SECONDS = 5.0
_PAUSES = (0.05, 0.5)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the memory is.

    Attributes:
        name: in messages.
        url: the base address.
        socket: the path of a Unix socket; None for TCP.
        timeout: seconds to wait for an answer.
        claim: called before the first request; raises where the socket may be somebody else's.
        arrive: called when nobody takes the connection, before it is tried again: it may start the
            server. It raises when that is in vain.
        headers: sent with every request; never shown.
    """

    name: str
    url: str
    timeout: float
    headers: Mapping[str, str]
    socket: str | None = None
    claim: Callable[[], object] = lambda: None
    arrive: Callable[[], object] = lambda: None

    def __repr__(self) -> str:
        return f"Place({self.name!r})"

    @property
    def settings(self) -> dict[str, Any]:
        """What a client of httpx is made with: no proxies, no redirects, nobody's netrc."""
        return {
            "base_url": self.url,
            "headers": {"User-Agent": f"sophia/{__version__}", **self.headers},
            "timeout": httpx.Timeout(self.timeout, connect=min(_CONNECT_SECONDS, self.timeout)),
            "follow_redirects": False,
            "trust_env": False,
        }

    def pause(self, error: httpx.TransportError, call: Call[Any], attempt: int) -> float:
        """Seconds until the call is worth another attempt.

        Raises:
            Unreachable: it is not.
        """
        unsent = isinstance(error, httpx.ConnectError)
        if isinstance(error, httpx.TimeoutException):
            connecting = isinstance(error, httpx.ConnectTimeout)
            waited = min(_CONNECT_SECONDS, self.timeout) if connecting else self.timeout
            raise Unreachable(f"{self.name}: no answer within {waited:g} s", _hint(call)) from error
        if attempt >= len(_PAUSES) or not (unsent or call.repeatable):
            cause = "nobody takes the connection" if unsent else "the connection was lost"
            raise Unreachable(f"{self.name}: {cause}", _hint(call)) from error
        return _PAUSES[attempt]


def place(url: str | None, token: str | None, timeout: float) -> Place:
    """What the arguments of a client and the environment name.

    A token in SOPHIA_TOKEN goes to the server of SOPHIA_URL, and to no other.

    Raises:
        ConfigurationError: an address or a token that cannot be used; neither is quoted.
    """
    if url is None:
        url = os.environ.get("SOPHIA_URL") or None
        if url is not None and token is None:
            token = os.environ.get("SOPHIA_TOKEN") or None
    if url is not None:
        return _server(url, token, timeout)
    if token is not None:
        raise ConfigurationError("a token, and no URL", "the socket in the home needs none")
    home = Home.of(os.environ)
    path = rest_socket(str(home.root))
    return Place(
        "the resident process",
        "http://sophia",
        timeout,
        {},
        path,
        home.prepare,
        partial(arrive, home, path),
    )


def _server(url: str, token: str | None, timeout: float) -> Place:
    hint = "such as https://memory.example.com"
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise ConfigurationError("the URL of sophia is not an address", hint) from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError("the URL of sophia is not an HTTP address", hint)
    if parsed.userinfo or parsed.query:
        raise ConfigurationError("the URL of sophia holds more than an address", "give a token")
    # Checked here, because the HTTP library's own message would quote it.
    if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
        raise ConfigurationError("the token is none: it holds a line break, or no text at all")
    headers = {} if token is None else {"Authorization": f"Bearer {token.strip()}"}
    name = f"{parsed.scheme}://{parsed.netloc.decode()}"
    return Place(name, str(parsed), timeout, headers)


def _hint(call: Call[Any]) -> str:
    return "it may be sent again" if call.repeatable else "look whether it was done, and try again"
