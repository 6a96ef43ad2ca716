"""A token's text: how it is made, and told from another. It needs nothing of the records."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

_ID_BYTES = 8
_SECRET_BYTES = 32
_FORM = re.compile(r"sophia_([a-z2-7]{13})_([a-z2-7]{52})")
# Around a secret that was made elsewhere, of 256 bits as `secrets.token_urlsafe(32)` writes them.
_AROUND = re.compile(r"sophia_([A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])")


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
        return _written(digest_of(f"id {form[1]}")[:_ID_BYTES]), form[1]
    return None


def occurs_in(text: str) -> bool:
    """Whether a token stands anywhere in a text."""
    return _FORM.search(text) is not None or _AROUND.search(text) is not None


def digest_of(secret: str) -> bytes:
    """What is kept of a token's secret, 32 bytes."""
    return hashlib.sha256(secret.encode()).digest()


def _random(count: int) -> str:
    return _written(secrets.token_bytes(count))


def _written(value: bytes) -> str:
    return base64.b32encode(value).decode().rstrip("=").lower()
