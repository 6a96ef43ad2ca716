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
from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Kind
from sophia_cli.tiers.records.tokens import Token

_ID_BYTES = 8
_SECRET_BYTES = 32
_FORM = re.compile(r"sophia_([a-z2-7]{13})_([a-z2-7]{52})")
# Around a secret that was made elsewhere, of 256 bits as `secrets.token_urlsafe(32)` writes them.
_AROUND = re.compile(r"sophia_([A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])")
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
    text: str | None = None,
) -> tuple[str, Token]:
    """A new token: its text, `sophia_ID_SECRET`, which is not to be had again, and its record.

    Args:
        text: the one that it is to have, as `new_text` or `around` makes it; None makes one.

    Raises:
        InvalidInput: `text` is no token.
    """
    text = new_text() if text is None else text
    parts = split(text)
    if parts is None:
        raise InvalidInput(
            "that is no token",
            "it has the form sophia_ID_SECRET, or sophia_ and 43 letters, digits, - and _",
        )
    allowed = frozenset(scope.value for scope in scopes)
    return text, Token(parts[0], name, _digest(parts[1]), allowed, user, kind, now, expires_at)


def new_text() -> str:
    """The text of a token that nobody has: 256 random bits are its secret."""
    return f"sophia_{_random(_ID_BYTES)}_{_random(_SECRET_BYTES)}"


def around(secret: str) -> str:
    """The text of a token whose secret was made elsewhere: 43 letters, digits, - and _."""
    return f"sophia_{secret}"


def split(text: str) -> tuple[str, str] | None:
    """The id and the secret of a token's text; None when it is no token.

    One around a secret of another's making has no id in it: its digest, shortened, is one.
    """
    if form := _FORM.fullmatch(text):
        return form[1], form[2]
    if form := _AROUND.fullmatch(text):
        return _written(_digest(f"id {form[1]}")[:_ID_BYTES]), form[1]
    return None


def occurs_in(text: str) -> bool:
    """Whether a token stands anywhere in a text."""
    return _FORM.search(text) is not None or _AROUND.search(text) is not None


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
    return _written(secrets.token_bytes(count))


def _written(value: bytes) -> str:
    return base64.b32encode(value).decode().rstrip("=").lower()
