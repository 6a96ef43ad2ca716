"""A token and its record: how it is issued, what opens it, and what it allows."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

from sophia_cli.api.access import Access, Scope
from sophia_cli.api.token_text import digest_of, new_text, split
from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Kind
from sophia_cli.tiers.records.tokens import Token

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
    return text, Token(parts[0], name, digest_of(parts[1]), allowed, user, kind, now, expires_at)


def opens(token: Token | None, secret: str) -> bool:
    """Whether it is the secret of the token; takes as long where there is no token."""
    expected = _NOBODY if token is None else token.digest
    return hmac.compare_digest(expected, digest_of(secret)) and token is not None


def access_by(token: Token) -> Access:
    """What the bearer of a token may do."""
    known = frozenset(Scope(scope) for scope in token.scopes)
    return Access(token.name, known, token.user, token.kind)
