"""Tokens that were good a moment ago, so that not every request asks the records for its own.

A revocation by this process is seen at once, one by another within `_FRESH` seconds. While the
records are down, a token that was good lately is good: recall goes on without them.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sophia_cli.api import tokens
from sophia_cli.api.token_text import split
from sophia_cli.daemon.rest.backend import Backend
from sophia_cli.environment import utc_now
from sophia_cli.errors import TierDown, Unauthorized
from sophia_cli.tiers.records.tokens import Token, Tokens

_FRESH = 2.0
_WITHOUT_RECORDS = 300.0


@dataclass(frozen=True, slots=True)
class _Seen:
    token: Token
    at: float
    changes: int


class Keyring:
    """Tells good tokens. Safe to use from many threads.

    Args:
        backend: the way to the records.
        clock: seconds that never go back.
        now: the time.
    """

    def __init__(
        self,
        backend: Backend,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self._seen: dict[bytes, _Seen] = {}

    def remembered(self, text: str) -> Token | None:
        """The token, if it was seen to be good a moment ago; asks nobody."""
        seen = self._seen.get(_key(text))
        if seen is None or seen.changes != Tokens.changes or not seen.token.holds(self._now()):
            return None
        return seen.token if self._clock() - seen.at < _FRESH else None

    def verified(self, text: str) -> Token:
        """The token, as the records know it; it may wait for them.

        Raises:
            Unauthorized: it is none of ours, revoked or over; which of these is not said.
            TierDown: the records are down, and it was not seen lately.
        """
        parts = split(text)
        if parts is None:
            raise _refusal()
        now, at, changes = self._now(), self._clock(), Tokens.changes
        try:
            token = self._known(*parts, now)
            seen = None if token is None else _Seen(token, at, changes)
        except TierDown:
            seen = self._seen.get(_key(text))
            if seen is None or at - seen.at > _WITHOUT_RECORDS:
                raise
        with self._lock:
            if seen is None:
                self._seen.pop(_key(text), None)
            else:
                self._seen[_key(text)] = seen
        if seen is None or not seen.token.holds(now):
            raise _refusal()
        return seen.token

    def _known(self, id_: str, secret: str, now: datetime) -> Token | None:
        """The token that the records hold; None when it opens nothing."""
        with self._backend.service() as service:
            known = service.records.tokens
            token = known.find(id_)
            if not tokens.opens(token, secret) or token is None or not token.holds(now):
                return None
            known.used(token, now)
            return token


def _key(text: str) -> bytes:
    """Kept instead of the token itself."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _refusal() -> Unauthorized:
    return Unauthorized("this token opens nothing", "sophia token list shows which do")
