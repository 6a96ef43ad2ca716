"""A token's text: how it is made, told from another, and what it allows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime

from sophia_cli.api.access import Access, Scope
from sophia_cli.memory.model import Kind
from sophia_cli.tiers.records.tokens import Token

_ID_BYTES = 8
_SECRET_BYTES = 32
_FORM = re.compile(r"sophia_([a-z2-7]{13})_([a-z2-7]{52})")
# What the secret of an id that is unknown is compared with, so that it takes as long.
_NOBODY = secrets.token_bytes(32)


def issue(
    name: str,
    scopes: Iterable[Scope],
    now: datetime,
    *,
    user: str | None = None,
    kind: Kind | None = None,
    expires_at: datetime | None = None,
) -> tuple[str, Token]:
    """A new token: its text, `sophia_ID_SECRET`, which is not to be had again, and its record."""
    id_, secret = _random(_ID_BYTES), _random(_SECRET_BYTES)
    allowed = frozenset(scope.value for scope in scopes)
    token = Token(id_, name, _digest(secret), allowed, user, kind, now, expires_at)
    return f"sophia_{id_}_{secret}", token


def split(text: str) -> tuple[str, str] | None:
    """The id and the secret of a token's text; None when it is no token."""
    form = _FORM.fullmatch(text)
    return None if form is None else (form[1], form[2])


def occurs_in(text: str) -> bool:
    """Whether a token stands anywhere in a text."""
    return _FORM.search(text) is not None


def opens(token: Token | None, secret: str) -> bool:
    """Whether it is the secret of the token; takes as long where there is no token."""
    expected = _NOBODY if token is None else token.digest
    return hmac.compare_digest(expected, _digest(secret)) and token is not None


def access_by(token: Token) -> Access:
    """What the bearer of a token may do."""
    known = frozenset(Scope(scope) for scope in token.scopes)
    return Access(token.name, known, token.user, token.kind)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _random(count: int) -> str:
    return base64.b32encode(secrets.token_bytes(count)).decode().rstrip("=").lower()
